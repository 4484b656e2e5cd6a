namespace DistillGrpc.Student.Training;

/// <summary>The best evaluation of a run so far.</summary>
/// <param name="Correct">Rows that were right; -1 before the first.</param>
/// <param name="Step">Steps made then.</param>
/// <param name="Since">Evaluations since that were no better.</param>
internal sealed record RunBest(int Correct, int Step, int Since)
{
    public static readonly RunBest None = new(-1, 0, 0);

    /// <summary>After another evaluation.</summary>
    public RunBest After(int correct, int step) => correct > Correct ? new RunBest(correct, step, 0) : this with { Since = Since + 1 };
}
