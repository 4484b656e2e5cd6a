namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>How a model's steps are filled.</summary>
internal sealed record SchedulerOptions
{
    /// <summary>Interactive requests that may wait; more are refused. As many of batches may wait besides; more are read later. Default 256.</summary>
    public int MaxQueue { get; init; } = 256;

    /// <summary>Rows of a step; an answer has one, or one for each beam or sample. Default 64.</summary>
    public int MaxRows { get; init; } = 64;

    /// <summary>Rows of a step that batches may have; the rest is there for interactive requests. Default 48.</summary>
    public int MaxBatchRows { get; init; } = 48;

    /// <summary>Tokens that the answers under way may take in memory, input and room for output together. Default 65,536.</summary>
    public int MaxContextTokens { get; init; } = 65_536;

    /// <summary>Tokens of an encoder's pass while nothing is being written. A longer input is read by itself. Default 2048.</summary>
    public int MaxEncoderTokens { get; init; } = 2048;

    /// <summary>Tokens of an encoder's pass between two steps: running answers wait for it. Where more requests wait than answers run, so many times more. A longer input is read by itself. Default 256.</summary>
    public int MaxEncoderTokensBetweenSteps { get; init; } = 256;

    /// <summary>How long tokens that come fast are gathered before whoever reads them is told; the first is told at once. 0: each is. Default 4 ms.</summary>
    public TimeSpan StreamInterval { get; init; } = TimeSpan.FromMilliseconds(4);

    /// <summary>Steps, or encoder's passes, that fail one after another before the model is taken out of service. Default 16.</summary>
    public int MaxFailures { get; init; } = 16;

    /// <summary>A batch's request that has waited for so long takes turns with interactive ones. Default 2 s.</summary>
    public TimeSpan MaxBatchWait { get; init; } = TimeSpan.FromSeconds(2);
}
