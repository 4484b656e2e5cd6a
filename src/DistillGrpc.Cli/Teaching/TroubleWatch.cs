using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Teaching;

/// <summary>Says on stderr, once, that a teacher does not answer while rows wait for it; the Teacher tries again in silence.</summary>
internal sealed class TroubleWatch : IAsyncDisposable
{
    private static readonly TimeSpan Interval = TimeSpan.FromSeconds(5);
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;

    /// <summary>Begins to look, until it is disposed.</summary>
    /// <param name="teacher">The Teacher.</param>
    /// <param name="spec">Who is asked.</param>
    public TroubleWatch(TeacherClient teacher, RationaleSpec spec) => _watching = WatchAsync(teacher, spec, _stop.Token);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching;
        _stop.Dispose();
    }

    private static async Task WatchAsync(TeacherClient client, RationaleSpec spec, CancellationToken cancellationToken)
    {
        var told = new HashSet<string>(StringComparer.Ordinal);
        try
        {
            using var timer = new PeriodicTimer(Interval);
            while (await timer.WaitForNextTickAsync(cancellationToken))
            {
                foreach (var teacher in (await client.ListTeachersAsync(cancellationToken)).Where(teacher => teacher.Trouble is not null && IsAsked(spec, teacher.Name)))
                {
                    if (told.Add($"{teacher.Name} {teacher.Trouble.Reason}"))
                    {
                        await Console.Error.WriteLineAsync($"{teacher.Name} has not answered since {teacher.Trouble.Since.ToDateTimeOffset():u}, and is tried again: {teacher.Trouble.Message}");
                    }
                }
            }
        }
        catch (Exception over) when (over is OperationCanceledException or RpcException)
        {
            // Whoever waits for the rows hears of it.
        }
    }

    // Without a name it is the Teacher's default, whichever that is.
    private static bool IsAsked(RationaleSpec spec, string name) =>
        spec.Teachers.Count > 0 ? spec.Teachers.Any(share => share.Teacher == name) : spec.Teacher.Length == 0 || spec.Teacher == name;
}
