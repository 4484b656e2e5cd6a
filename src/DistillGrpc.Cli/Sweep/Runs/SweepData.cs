namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>Rows to learn from, divided.</summary>
/// <param name="Name">What the plan calls them.</param>
/// <param name="Dataset">All of them, <c>datasets/{id}</c>.</param>
/// <param name="Hash">SHA-256 over them.</param>
/// <param name="Rows">How many.</param>
/// <param name="Parts">What is learnt from, the smallest first; each is within the next.</param>
/// <param name="Development">What settings are chosen by; null where none are.</param>
/// <param name="SharedInputs">Held-out rows whose input is among them.</param>
/// <param name="SharedGroups">Held-out rows whose group is among them.</param>
/// <param name="Majority">By label source: the share of held-out rows that the label gets right which is the most frequent one of the largest part.</param>
internal sealed record SweepData(
    string Name, string Dataset, string Hash, long Rows, IReadOnlyList<DataPart> Parts, DataPart? Development, long SharedInputs, long SharedGroups, IReadOnlyDictionary<string, double> Majority);

/// <summary>A part of the rows.</summary>
/// <param name="Fraction">Its share.</param>
/// <param name="Dataset">Its rows, <c>datasets/{id}</c>.</param>
/// <param name="Rows">How many.</param>
internal sealed record DataPart(double Fraction, string Dataset, long Rows);

/// <summary>The held-out rows.</summary>
/// <param name="Dataset"><c>datasets/{id}</c>.</param>
/// <param name="Hash">SHA-256 over them.</param>
/// <param name="Rows">Rows that have a gold label.</param>
/// <param name="TeacherRows">Of those, rows that have the teacher's, too.</param>
/// <param name="TeacherRight">Of those, rows in which it is right.</param>
internal sealed record HeldOutData(string Dataset, string Hash, long Rows, long TeacherRows, long TeacherRight)
{
    /// <summary>The share that the teacher gets right; null where it is not known.</summary>
    public double? TeacherAccuracy => TeacherRows > 0 ? (double)TeacherRight / TeacherRows : null;
}
