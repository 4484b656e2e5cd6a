using System.Runtime.CompilerServices;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>A server stream that is called again where the connection or the service was lost.</summary>
internal static class WatchCall
{
    /// <summary>Connections that are tried one after the other without getting anything, before it gives up.</summary>
    public const int MaxReconnects = 8;

    private static readonly TimeSpan FirstDelay = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan LongestDelay = TimeSpan.FromSeconds(30);

    /// <summary>Reads to the stream's end.</summary>
    /// <param name="call">Begins the call, from what was reached.</param>
    /// <param name="isNew">Takes note of a response; false for one that came before.</param>
    /// <param name="time">The clock of the waits.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="RpcException">The first connection failed, <see cref="MaxReconnects"/> failed in a row, or the call failed otherwise than by UNAVAILABLE.</exception>
    public static async IAsyncEnumerable<TResponse> RunAsync<TResponse>(
        Func<CancellationToken, AsyncServerStreamingCall<TResponse>> call, Func<TResponse, bool> isNew, TimeProvider time, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (hasConnected, failures) = (false, 0);
        for (var isDone = false; !isDone;)
        {
            using var stream = call(cancellationToken);
            RpcException? failure;
            for ((isDone, failure) = await MoveNextAsync(stream, cancellationToken); !isDone && failure is null; (isDone, failure) = await MoveNextAsync(stream, cancellationToken))
            {
                (hasConnected, failures) = (true, 0);
                if (isNew(stream.ResponseStream.Current))
                {
                    yield return stream.ResponseStream.Current;
                }
            }

            if (failure is not null)
            {
                if (!hasConnected || ++failures > MaxReconnects)
                {
                    throw failure;
                }

                await Task.Delay(Delay(failure, failures), time, cancellationToken);
            }
        }
    }

    private static async Task<(bool IsDone, RpcException? Failure)> MoveNextAsync<TResponse>(AsyncServerStreamingCall<TResponse> call, CancellationToken cancellationToken)
    {
        try
        {
            return (!await call.ResponseStream.MoveNext(cancellationToken), null);
        }
        catch (RpcException failure) when (failure.StatusCode == StatusCode.Unavailable && !cancellationToken.IsCancellationRequested)
        {
            return (false, failure);
        }
    }

    private static TimeSpan Delay(RpcException failure, int failures)
    {
        var grown = FirstDelay * Math.Pow(2, failures - 1);
        return TimeSpan.FromSeconds(Math.Clamp(RpcErrors.RetryDelay(failure)?.TotalSeconds ?? 0, Math.Min(grown.TotalSeconds, LongestDelay.TotalSeconds), LongestDelay.TotalSeconds));
    }
}
