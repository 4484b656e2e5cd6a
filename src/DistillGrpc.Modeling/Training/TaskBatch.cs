namespace DistillGrpc.Modeling.Training;

/// <summary>What one step learns of one task.</summary>
/// <param name="Name">The task's name, which the step's report and the loss terms use.</param>
/// <param name="Rows">Its rows; an empty batch leaves the task out.</param>
/// <param name="Weight">Weight of its loss; default 1. With 0 it is only reported, as where soft labels alone teach.</param>
public sealed record TaskBatch(string Name, IReadOnlyList<TaskRow> Rows, double Weight = 1)
{
    /// <summary>The label's task.</summary>
    public const string Label = "label";

    /// <summary>The rationale's task.</summary>
    public const string Rationale = "rationale";

    /// <summary>The rationale of a given label, which is part of the input.</summary>
    public const string RationaleOfLabel = "rationale_of_label";
}
