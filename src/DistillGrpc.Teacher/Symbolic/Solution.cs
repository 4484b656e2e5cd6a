namespace DistillGrpc.Teacher.Symbolic;

/// <summary>A solved problem.</summary>
/// <param name="Equation">What to compute, such as <c>37 - 14 + 3 * 8</c>.</param>
/// <param name="Steps">The reasoning, a sentence for each step.</param>
/// <param name="Answer">The equation's value.</param>
internal sealed record Solution(string Equation, IReadOnlyList<string> Steps, int Answer)
{
    public string Rationale => string.Join(' ', Steps);
}
