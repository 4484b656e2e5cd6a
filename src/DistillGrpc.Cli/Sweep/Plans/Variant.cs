using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Sweep.Plans;

/// <summary>A way to learn that is compared with others.</summary>
/// <param name="Name">What it is called.</param>
/// <param name="Fields">What it sets; this stands, whatever is tuned.</param>
internal sealed record Variant(string Name, SpecFields Fields)
{
    /// <summary>It learns labels alone.</summary>
    public bool IsLabelOnly => Fields.ToSpec().Mode == TrainingMode.LabelOnly;
}
