using DistillGrpc.Client;
using Grpc.Core;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>A Student that is away, for instance because it is started anew, is waited for: a sweep takes nights.</summary>
internal static class Outage
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan Wait = TimeSpan.FromSeconds(5);

    // What it takes until a service that is frozen is given up: else each try would cost that, and five minutes would be an hour.
    private static readonly TimeSpan Silence = TimeSpan.FromMinutes(1);

    /// <summary>Whether it is the Student that is away. A connection that broke in the middle of a call is INTERNAL, without the reason that a service gives.</summary>
    public static bool IsAway(RpcException failure) =>
        failure.StatusCode == StatusCode.Unavailable || (failure.StatusCode == StatusCode.Internal && RpcErrors.Reason(failure) is null);

    /// <summary>Does something that may be done again, until the Student has answered.</summary>
    /// <exception cref="RpcException">It was away for five minutes, or the call failed otherwise.</exception>
    public static async Task<T> WaitAsync<T>(Func<Task<T>> call, TimeProvider time, CancellationToken cancellationToken)
    {
        for (var left = Patience; ;)
        {
            try
            {
                return await call();
            }
            catch (RpcException away) when (IsAway(away) && !cancellationToken.IsCancellationRequested)
            {
                left -= RpcErrors.IsSilence(away) ? Silence + Wait : Wait;
                if (left <= TimeSpan.Zero)
                {
                    throw;
                }

                await Task.Delay(Wait, time, cancellationToken);
            }
        }
    }
}
