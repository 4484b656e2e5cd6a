namespace DistillGrpc.Modeling.Engines;

/// <summary>A sequence's part in a step.</summary>
/// <param name="Sequence">The sequence.</param>
/// <param name="Token">The token that it reads.</param>
/// <param name="Candidates">The tokens whose logits are asked for, ascending, each once; null: all of the vocabulary. Asking for few spares the head's work.</param>
public readonly record struct StepRow(T5Sequence Sequence, int Token, int[]? Candidates = null);
