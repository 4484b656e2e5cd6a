namespace DistillGrpc.Modeling.Training;

/// <summary>One row of one task, as ids.</summary>
/// <param name="Input">The prefixed input, ending with the end-of-sequence id.</param>
/// <param name="Target">The label or the rationale, ending with the end-of-sequence id.</param>
public sealed record TaskRow(int[] Input, int[] Target)
{
    /// <summary>Tokens of input and target.</summary>
    public int Length => Input.Length + Target.Length;
}
