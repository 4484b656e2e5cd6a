using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Tests.Models;

public sealed class LabelWordsTests
{
    private static readonly LabelWords Labels = new(["entailment", "not entailment", "neutral", "United States", "+"]);

    [Theory]
    [InlineData("So it is an Entailment.", "entailment")]
    [InlineData("It is not entailment, is it?", "not entailment")]
    [InlineData("It is not-\nENTAILMENT.", "not entailment")]
    [InlineData("Not entailment, but no entailment either.", "not entailment|entailment")]
    [InlineData("neutral, quite neutral", "neutral")]
    [InlineData("Neutrality and entailments + more.", "")]
    [InlineData("the united   states", "United States")]
    [InlineData("", "")]
    public void In_Text_FindsWholeWordsTheLongestLabelFirst(string text, string expected) => Assert.Equal(expected.Split('|', StringSplitOptions.RemoveEmptyEntries), Labels.In(text));

    [Theory]
    [InlineData("So it is an Entailment.", "So it is an .")]
    [InlineData("It is not, as one says, entailment.", "It is not, as one says, .")]
    [InlineData("not neutral entailment", "not")]
    [InlineData("not united states entailment here", "not here")]
    [InlineData("Neutrality stays.", "Neutrality stays.")]
    public void Without_Text_NamesNoLabelAnyMore(string text, string expected)
    {
        Assert.Equal(expected, Labels.Without(text));
        Assert.Empty(Labels.In(Labels.Without(text)));
    }

    [Fact]
    public void Without_LabelThatTheRemovalPutsTogether_RemovesItToo() => Assert.Equal("a c", new LabelWords(["new york", "x"]).Without("a new x york c"));

    [Theory]
    [InlineData("Not  entailment.", "not entailment", true)]
    [InlineData("entailment", "not entailment", false)]
    public void AreSame_Labels_LooksAtWordsAlone(string label, string other, bool expected) => Assert.Equal(expected, LabelWords.AreSame(label, other));
}
