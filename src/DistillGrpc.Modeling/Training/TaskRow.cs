namespace DistillGrpc.Modeling.Training;

/// <summary>One row of one task, as ids.</summary>
/// <param name="Input">
/// The input, with the task's prefix where that is on the encoder, ending with the end-of-sequence id. Rows of a step that hold
/// the very same array share one encoder pass.
/// </param>
/// <param name="Target">The label or the rationale, ending with the end-of-sequence id.</param>
public sealed record TaskRow(int[] Input, int[] Target)
{
    /// <summary>
    /// The task's prefix where that is on the decoder: what the decoder is made to read between the start id and the target.
    /// Nothing is learnt on these positions. Default none.
    /// </summary>
    public IReadOnlyList<int> DecoderPrefix { get; init; } = [];

    /// <summary>Which example the row is made of; rows of several tasks with the same number are pairs. Default -1: no pair.</summary>
    public int Example { get; init; } = -1;

    /// <summary>A teacher's distributions over the tokens of the target, for <see cref="TokenSoftLabels"/>; null without.</summary>
    public TokenDistributions? TokenSoftLabels { get; init; }

    /// <summary>A teacher's probabilities of the labels, for <see cref="LabelSoftLabels"/>, in the order of its labels; null without.</summary>
    public IReadOnlyList<float>? LabelSoftLabels { get; init; }

    /// <summary>Tokens of input, prefix and target.</summary>
    public int Length => Input.Length + DecoderPrefix.Count + Target.Length;
}
