using System.Text.Json.Serialization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>What came of a run.</summary>
internal sealed record RunResult
{
    public required Cell Cell { get; init; }

    /// <summary>Its job, <c>trainingJobs/{id}</c>.</summary>
    public required string Job { get; init; }

    /// <summary>How the job ended, <c>Succeeded</c> or not; <c>Refused</c> where it was never made.</summary>
    public required string State { get; init; }

    /// <summary>Why it did not succeed, in UPPER_SNAKE_CASE; else empty.</summary>
    public string Reason { get; init; } = "";

    /// <summary>The same for people.</summary>
    public string Message { get; init; } = "";

    /// <summary>Rows of its dataset.</summary>
    public long Rows { get; init; }

    /// <summary>Rows with a label target, and with a rationale target.</summary>
    public int LabelRows { get; init; }

    public int RationaleRows { get; init; }

    /// <summary>The student's parameters.</summary>
    public long Parameters { get; init; }

    /// <summary>Floating point operations of its label steps, without what a budget adds.</summary>
    public double StepFlops { get; init; }

    /// <summary>Floating point operations of all its steps.</summary>
    public double Flops { get; init; }

    /// <summary>Time in steps.</summary>
    public double Seconds { get; init; }

    /// <summary>Steps made.</summary>
    public int Steps { get; init; }

    public DateTimeOffset? EndTime { get; init; }

    /// <summary>How the held-out rows were answered: after the label steps, and where there was a budget after it, too.</summary>
    public IReadOnlyList<Evaluation> Evaluations { get; init; } = [];

    /// <summary>What was trained.</summary>
    public required TrainingSpec Spec { get; init; }

    /// <summary>What the Student found out about it besides; null where nothing.</summary>
    public TrainingReport? Report { get; init; }

    /// <summary>Warnings of the run.</summary>
    public IReadOnlyList<string> Warnings { get; init; } = [];

    [JsonIgnore]
    public bool HasSucceeded => State == nameof(TrainingJobState.Succeeded);

    /// <summary>After the label steps.</summary>
    [JsonIgnore]
    public Evaluation? AtSteps => Spec.ComputeBudgetFlops > 0 ? Evaluations.LastOrDefault(evaluation => evaluation.Step <= Spec.Steps) ?? AtEnd : AtEnd;

    /// <summary>At the end: of the model that was made. With early stopping, the best.</summary>
    [JsonIgnore]
    public Evaluation? AtEnd => Report?.Evaluation ?? (Spec.EarlyStoppingPatience > 0 ? Evaluations.MaxBy(Share) : Evaluations.LastOrDefault());

    /// <summary>The share that was right.</summary>
    public static double Share(Evaluation evaluation) => evaluation.Examples == 0 ? 0 : (double)evaluation.Correct / evaluation.Examples;
}
