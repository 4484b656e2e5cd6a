using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Why a run takes no more inputs.</summary>
/// <param name="State">The extraction's state that follows; RUNNING where another try is made after a while.</param>
/// <param name="Reason">For programs.</param>
/// <param name="Message">For people.</param>
internal sealed record Halt(ExtractionState State, string Reason, string Message)
{
    /// <summary>Somebody else has changed the state, or the service is being stopped.</summary>
    public static Halt Stopped { get; } = new(ExtractionState.Unspecified, "", "");
}
