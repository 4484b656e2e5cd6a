using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Tests.Models;

public sealed class LabelPlaceTests
{
    [Fact]
    public void Of_RationalesThatCloseAlike_IsWhatStandsAroundTheirLabels()
    {
        Assert.Equal(new LabelPlace(". So the answer is ", "."), LabelPlace.Of(Rows(i => $"{i} things, {i * i}. So the answer is {i}."), 0.95));
        Assert.Equal(new LabelPlace(": ", "."), LabelPlace.Of(Rows(i => $"He has 3: 3. {"abcde"[i % 5]}: {i}."), 0.95));
        Assert.Equal(new LabelPlace(" is ", ""), LabelPlace.Of(Rows(i => $"{"abcde"[i % 5]} is {i}"), 0.95));
    }

    [Fact]
    public void Of_FewThatCloseOtherwise_AreMinded_AndMoreAreNot()
    {
        Assert.NotNull(LabelPlace.Of(Rows(i => i < 102 ? $"It is {i}." : "Who knows?"), 0.95));
        Assert.Null(LabelPlace.Of(Rows(i => i < 90 ? $"It is {i}." : "Who knows?"), 0.95));
    }

    [Fact]
    public void Of_NoLabelsOrTooFewOrAlwaysTheSame_IsNone()
    {
        Assert.Null(LabelPlace.Of([], 0.95));
        Assert.Null(LabelPlace.Of(Rows(_ => "It is so."), 0.95));
        Assert.Null(LabelPlace.Of([.. Rows(i => $"It is {i}.").Take(19)], 0.95));
        Assert.Null(LabelPlace.Of([.. Enumerable.Repeat(("yes", "It is yes."), 50)], 0.95));
        Assert.Null(LabelPlace.Of(Rows(i => $"{i}"), 0.95));
    }

    [Theory]
    [InlineData("So it is  warm .", "warm")]
    [InlineData("It is cold. Or it is warm.", "warm")]
    [InlineData("it is warm", null)]
    [InlineData("Warm.", null)]
    [InlineData("it is .", null)]
    [InlineData("", null)]
    [InlineData(".", null)]
    public void In_Rationale_IsWhatItHasThere(string rationale, string? expected) => Assert.Equal(expected, new LabelPlace(" is ", ".").In(rationale));

    private static (string Label, string Rationale)[] Rows(Func<int, string> rationale) => [.. Enumerable.Range(7, 100).Select(i => ($"{i}", rationale(i)))];
}
