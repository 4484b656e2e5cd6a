using Grpc.Core;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Calls whose deadline passes while the engine waits at a gate. On a machine that stalls one may pass before the call has come that far: then it is asked again with more time.</summary>
internal static class LateCall
{
    private const int MostTries = 4;

    /// <summary>Calls until a call has come where it is to end.</summary>
    /// <param name="call">Makes it, with its deadline.</param>
    /// <param name="hasCome">Whether it has; looked at while it is under way, and when it has ended.</param>
    /// <returns>How the last one failed, and how many there were.</returns>
    public static async Task<(RpcException Failure, int Tries)> FailAsync(Func<DateTime, Task> call, Func<bool> hasCome)
    {
        var wait = TimeSpan.FromMilliseconds(300);
        for (var tries = 1; ; tries++, wait *= 4)
        {
            var failing = Assert.ThrowsAsync<RpcException>(() => call(DateTime.UtcNow + wait));
            var isThere = false;
            while (!failing.IsCompleted)
            {
                await Task.Delay(5);
                isThere |= hasCome();
            }

            if (isThere || hasCome() || tries == MostTries)
            {
                return (await failing, tries);
            }
        }
    }
}
