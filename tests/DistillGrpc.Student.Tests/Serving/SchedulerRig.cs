using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Serving.Scheduling;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>A scheduler that is turned by hand, over an engine whose answer to <c>x</c> is <c>x</c>.</summary>
internal sealed class SchedulerRig : IDisposable
{
    public static readonly ByteTokenizer Bytes = new();

    public SchedulerRig(SchedulerOptions? options = null, TimeProvider? time = null)
    {
        Queue = new JobQueue("models/scripted", options ?? new SchedulerOptions(), time ?? TimeProvider.System);
        Scheduler = new Scheduler("models/scripted", Engine, Queue, options ?? new SchedulerOptions(), time ?? TimeProvider.System, NullLogger.Instance);
    }

    public ScriptedEngine Engine { get; } = new(text => text);

    public JobQueue Queue { get; }

    public Scheduler Scheduler { get; }

    /// <summary>Puts a job into the queue; it is expected to have room.</summary>
    public GenerationJob Add(string text, Priority priority = Priority.Interactive, int maxTokens = 1000, DateTimeOffset? deadline = null, bool wantsTokens = false, DecodingOptions? options = null, CancellationToken cancellationToken = default)
    {
        var job = Make(text, priority, maxTokens, deadline, wantsTokens, options, cancellationToken);
        Assert.True(Queue.AddAsync(job).IsCompletedSuccessfully);
        return job;
    }

    public static GenerationJob Make(string text, Priority priority = Priority.Interactive, int maxTokens = 1000, DateTimeOffset? deadline = null, bool wantsTokens = false, DecodingOptions? options = null, CancellationToken cancellationToken = default) =>
        new([.. Bytes.Encode(text), Bytes.EosId], new Reading(), options ?? new DecodingOptions { MaxTokens = maxTokens }, wantsTokens)
        {
            Caller = new Caller(priority, deadline ?? DateTimeOffset.MaxValue, cancellationToken),
        };

    public void Turn(int times = 1)
    {
        for (var i = 0; i < times; i++)
        {
            Scheduler.Turn();
        }
    }

    public void TurnUntilIdle()
    {
        while (Scheduler.Turn())
        {
        }
    }

    public static string Text(GenerationJob job) => Bytes.Decode([.. job.Answers[0].Tokens]);

    public static bool HasEnded(GenerationJob job) => job.Feed.WaitAsync() is { IsCompleted: true };

    /// <summary>How a job that has ended failed, or null.</summary>
    public static async Task<Exception?> FailureOf(GenerationJob job) => await Record.ExceptionAsync(async () => Assert.False(await job.Feed.WaitAsync()));

    public void Dispose() => Scheduler.Dispose();
}
