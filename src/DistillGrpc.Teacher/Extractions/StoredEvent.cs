using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Something that happened to an extraction: either of the two.</summary>
/// <param name="Sequence">Its number.</param>
/// <param name="State">The extraction after a change of its state.</param>
/// <param name="Row">A row.</param>
internal sealed record StoredEvent(long Sequence, Extraction? State, ExtractionRow? Row);
