namespace DistillGrpc.Student.Training;

/// <summary>
/// Tells a run that has diverged from one that only wavers: its loss, smoothed over some 20 steps, is more than twice what it was in the first 20, and
/// by 2 at least, so that a student that had hardly anything to learn may err a little.
/// </summary>
/// <param name="FirstSum">Sum of the first losses.</param>
/// <param name="FirstCount">How many of them there are.</param>
/// <param name="Mean">The smoothed loss.</param>
internal sealed record RunGuard(double FirstSum, int FirstCount, double Mean)
{
    private const int First = 20;
    private const double Kept = 0.95;
    private const double Factor = 2;
    private const double Margin = 2;

    /// <summary>Before any step.</summary>
    public static RunGuard None { get; } = new(0, 0, 0);

    /// <summary>Whether it has diverged.</summary>
    public bool HasDiverged => FirstCount == First && Mean > (Factor * FirstSum / First) + Margin;

    /// <summary>After one more step.</summary>
    public RunGuard After(double loss) => FirstCount < First
        ? new RunGuard(FirstSum + loss, FirstCount + 1, (FirstSum + loss) / (FirstCount + 1))
        : this with { Mean = (Kept * Mean) + ((1 - Kept) * loss) };
}
