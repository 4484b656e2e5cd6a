namespace DistillGrpc.Modeling.Training;

/// <summary>A teacher's likeliest tokens at every position of a target, at temperature 1.</summary>
/// <param name="Width">Tokens a position, k.</param>
/// <param name="Ids">Position by position k ids of the student's vocabulary; -1 where a position has fewer.</param>
/// <param name="Probabilities">Their probabilities, same places; they need not add up to 1.</param>
public sealed record TokenDistributions(int Width, int[] Ids, float[] Probabilities)
{
    /// <summary>Positions.</summary>
    public int Positions => Ids.Length / Math.Max(Width, 1);
}
