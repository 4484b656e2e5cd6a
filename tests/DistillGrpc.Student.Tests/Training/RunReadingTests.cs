using DistillGrpc.Student.Training;

namespace DistillGrpc.Student.Tests.Training;

public sealed class RunReadingTests
{
    [Fact]
    public void TellingLabels_LabelsThatRationalesForOthersNameToo_AreLeftOut()
    {
        var rows = Enumerable.Repeat(("yes", "Surely yes."), 10).Concat(Enumerable.Repeat(("yes", "There is no doubt."), 10)).Concat(Enumerable.Repeat(("no", "No, it is dry."), 10));

        Assert.Equal(["yes"], RunReading.TellingLabels(["maybe", "no", "yes"], rows));
    }

    [Fact]
    public void TellingLabels_TooFewRationalesOrSeveralLabelsInOne_SayNothing()
    {
        Assert.Empty(RunReading.TellingLabels(["no", "yes"], Enumerable.Repeat(("yes", "Surely yes."), 4)));
        Assert.Empty(RunReading.TellingLabels(["no", "yes"], Enumerable.Repeat(("yes", "Yes or no."), 100)));
        Assert.Equal(["yes"], RunReading.TellingLabels(["no", "yes"], Enumerable.Repeat(("YES", "yes!"), 5)));
    }

    [Fact]
    public void LeastProbability_ReadingsThatAreRightWhereTheyAreSure_IsWhereTheyBeginToBe()
    {
        var sure = Enumerable.Range(0, 40).Select(i => (0.9 + (i * 0.001), true));
        var unsure = Enumerable.Range(0, 40).Select(i => (0.5 + (i * 0.001), i % 2 == 0));

        Assert.Equal(0.9, RunReading.LeastProbability(sure)!.Value, 9);
        // Two wrong ones of 42 are less than one in twenty, three of 44 are more.
        Assert.Equal(0.536, RunReading.LeastProbability(unsure.Concat(sure))!.Value, 9);
    }

    [Fact]
    public void LeastProbability_TooFewOrWrongReadings_IsNone()
    {
        Assert.Null(RunReading.LeastProbability([]));
        Assert.Null(RunReading.LeastProbability(Enumerable.Repeat((0.99, true), 19)));
        Assert.Equal(0.99, RunReading.LeastProbability(Enumerable.Repeat((0.99, true), 20)));
        Assert.Null(RunReading.LeastProbability(Enumerable.Repeat((0.99, false), 5).Concat(Enumerable.Repeat((0.99, true), 20))));
    }
}
