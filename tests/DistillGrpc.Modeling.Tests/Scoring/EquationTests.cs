using DistillGrpc.Modeling.Scoring;

namespace DistillGrpc.Modeling.Tests.Scoring;

public sealed class EquationTests
{
    [Theory]
    [InlineData("( 84.0 / 2.0 )", 42)]
    [InlineData("37 - 14 + 3 * 8", 47)]
    [InlineData("2*(3+4)-1", 13)]
    [InlineData("-3 + 5", 2)]
    [InlineData("8 / 4 / 2", 1)]
    [InlineData("10 - 2 - 3", 5)]
    public void TryEvaluate_Equation_GivesItsValue(string text, double expected)
    {
        Assert.True(Equation.TryEvaluate(text, out var value));
        Assert.Equal(expected, value, 9);
    }

    [Theory]
    [InlineData("")]
    [InlineData("1 +")]
    [InlineData("(1 + 2")]
    [InlineData("1 / 0")]
    [InlineData("1 2")]
    [InlineData("System.Exit(1)")]
    [InlineData("2 ** 3")]
    [InlineData("1e5")]
    public void TryEvaluate_NoEquation_IsFalse(string text) => Assert.False(Equation.TryEvaluate(text, out _));

    [Fact]
    public void TryEvaluate_DeeplyNestedText_IsFalseAndDoesNotOverflow() =>
        Assert.False(Equation.TryEvaluate(new string('(', 500) + "1" + new string(')', 500 - 1), out _));

    [Fact]
    public void IsRight_Rules_CompareTextOrValue()
    {
        Assert.True(ScoringRule.ExactMatch.IsRight(" a  b", "a b"));
        Assert.False(ScoringRule.ExactMatch.IsRight("2 + 1", "1 + 2"));
        Assert.True(ScoringRule.Equation.IsRight("2 + 1", "( 1.0 + 2.0 )"));
        Assert.True(ScoringRule.Equation.IsRight("40 + 2", "( 1 + 1 )", answer: "42.0"));
        Assert.False(ScoringRule.Equation.IsRight("nonsense", "1 + 2"));
    }
}
