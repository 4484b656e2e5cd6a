using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Tests.Training.Reports;

public sealed class LabelMetricsTests
{
    [Fact]
    public void Of_ThreeClassesOneNeverPredicted_EqualsWhatIsCountedByHand()
    {
        string[] gold = ["a", "a", "a", "a", "b", "b", "b", "c"], predicted = ["a", "a", "b", "nothing", "b", " b ", "a", "a"];

        var found = LabelMetrics.Of(ScoringRule.ExactMatch, Rows(gold), predicted, "b");

        Assert.Equal((8, 4, 3), (found.Examples, found.Correct, found.MajorityCorrect));
        Assert.Equal(
            [
                Metrics("a", 4, 2 / 4.0, 2 / 4.0, 0.5),
                Metrics("b", 3, 2 / 3.0, 2 / 3.0, 2 / 3.0),
                Metrics("c", 1, 0, 0, 0),
            ],
            found.Classes);
        Assert.Equal((0.5 + (2 / 3.0) + 0) / 3, found.MacroF1, 12);
        Assert.Equal(
            [Cell("a", "a", 2), Cell("b", "b", 2), Cell("a", "", 1), Cell("a", "b", 1), Cell("b", "a", 1), Cell("c", "a", 1)],
            found.Confusion);
    }

    [Fact]
    public void Of_TwoClassesUnevenlyPredicted_TellsPrecisionFromRecall()
    {
        var found = LabelMetrics.Of(ScoringRule.ExactMatch, Rows(["yes", "yes", "yes", "no"]), ["yes", "no", "no", "no"], "yes");

        Assert.Equal([Metrics("yes", 3, 1, 1 / 3.0, 0.5), Metrics("no", 1, 1 / 3.0, 1, 0.5)], found.Classes);
        Assert.Equal((2, 3, 0.5), (found.Correct, found.MajorityCorrect, found.MacroF1));
    }

    [Fact]
    public void Of_NoRows_IsEmpty() => Assert.Equal(new Evaluation(), LabelMetrics.Of(ScoringRule.ExactMatch, [], [], "a"));

    [Fact]
    public void Of_Equations_CountsWhatIsRightForItsClassWhateverItsText()
    {
        var found = LabelMetrics.Of(ScoringRule.Equation, Rows(["8 - 3", "2 + 2"]), ["3 + 2", "8 - 3"], "4");

        Assert.Equal((1, 1), (found.Correct, found.MajorityCorrect));
        Assert.Equal([Cell("2 + 2", "8 - 3", 1), Cell("8 - 3", "8 - 3", 1)], found.Confusion);
    }

    [Fact]
    public void Of_AnswerThatContradictsItsLabel_KeepsTheDiagonalForWhatIsRight()
    {
        var row = new Example { Label = "5 - 3", Answer = "7" };

        var found = LabelMetrics.Of(ScoringRule.Equation, [row], ["5 - 3"], "7");

        Assert.Equal((0, 1), (found.Correct, found.MajorityCorrect));
        Assert.Equal([Cell("5 - 3", "", 1)], found.Confusion);
    }

    [Theory]
    [InlineData(100, 100)]
    [InlineData(101, 0)]
    public void Of_ManyLabels_HasClassesUpToAHundred(int labels, int classes)
    {
        string[] gold = [.. Enumerable.Range(0, labels).Select(i => $"{i}")];

        var found = LabelMetrics.Of(ScoringRule.ExactMatch, Rows(gold), gold, "");

        Assert.Equal((labels, classes, classes, classes > 0 ? 1 : 0), (found.Correct, found.Classes.Count, found.Confusion.Count, found.MacroF1));
    }

    [Fact]
    public void Of_MorePairsThanAreTold_TellsTheMostFrequent()
    {
        string[] names = [.. Enumerable.Range(0, 40).Select(i => $"{i}")];
        string[] gold = [.. names.SelectMany(name => names.Select(_ => name)), "39", "39"], predicted = [.. names.SelectMany(_ => names), "39", "38"];

        var found = LabelMetrics.Of(ScoringRule.ExactMatch, Rows(gold), predicted, "");

        Assert.Equal(LabelMetrics.MaxCells, found.Confusion.Count);
        Assert.Equal([Cell("39", "38", 2), Cell("39", "39", 2)], found.Confusion.Take(2));
    }

    [Fact]
    public void Of_LabelsThatAreTexts_HasNoClasses() =>
        Assert.Empty(LabelMetrics.Of(ScoringRule.ExactMatch, Rows([new string('x', 201), "b"]), ["b", "b"], "").Classes);

    [Theory]
    [InlineData("b|a|b|", "b")]
    [InlineData("b|a", "a")]
    [InlineData("||", "")]
    public void Majority_Labels_IsTheMostFrequentThatIsOne(string labels, string expected) => Assert.Equal(expected, LabelMetrics.Majority(labels.Split('|')));

    private static Example[] Rows(string[] labels) => [.. labels.Select(label => new Example { Label = label })];

    private static ClassMetrics Metrics(string label, int examples, double precision, double recall, double f1) => new() { Label = label, Examples = examples, Precision = precision, Recall = recall, F1 = f1 };

    private static ConfusionCell Cell(string label, string predicted, int count) => new() { Label = label, Predicted = predicted, Count = count };
}
