using System.Text.RegularExpressions;
using DistillGrpc.Teacher.Symbolic;

namespace DistillGrpc.Teacher.Tests;

public sealed partial class ProblemTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void Next_AQuickstartsProblems_NeverShareBothFramesAndNumbers(int seed)
    {
        var problems = Problems(seed, 2400);

        Assert.Equal(problems.Length, problems.Select(problem => Thing().Replace(Name().Replace(problem, "N"), "things")).Distinct(StringComparer.Ordinal).Count());
    }

    [Fact]
    public void TrySolve_EveryStep_QuotesTheNextSentenceThatCountsAndExtendsTheEquation()
    {
        Assert.All(Problems(3, 300), problem =>
        {
            Assert.True(ProblemSolver.TrySolve(problem, out var solution, out _));
            var (place, equation) = (0, "");
            foreach (var step in solution.Steps)
            {
                var colon = step.IndexOf(": ", StringComparison.Ordinal);
                place = problem.IndexOf(step[..colon] + ".", place, StringComparison.Ordinal) + 1;
                Assert.True(place > 0, step);
                Assert.StartsWith(equation, step[(colon + 2)..^1], StringComparison.Ordinal);
                Assert.NotEqual(equation, step[(colon + 2)..^1]);
                equation = step[(colon + 2)..^1];
            }

            Assert.Equal(solution.Equation, equation);
        });
    }

    private static string[] Problems(int seed, int count)
    {
        var generator = new ProblemGenerator(seed);
        return [.. Enumerable.Range(0, count).Select(_ => generator.Next())];
    }

    [GeneratedRegex("Mia|Tom|Lena|Omar|Ada|Noah")]
    private static partial Regex Name();

    [GeneratedRegex("apples|marbles|stickers|pencils|shells|coins")]
    private static partial Regex Thing();
}
