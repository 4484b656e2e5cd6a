using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Datasets;

namespace DistillGrpc.Student.Tests.Datasets;

public sealed class TaughtExampleTests
{
    [Fact]
    public void Of_AnswersOfSeveralSamples_KeepsThoseRationalesThatEndInTheLabel()
    {
        var result = new RationaleResult { Label = "yes", Rationale = "one", Agreement = 0.75, Provenance = new Provenance { Teacher = "teachers/t" }, LabelDistribution = { new LabelProbability { Label = "yes", Probability = 1 } } };
        foreach (var (label, rationale) in new[] { ("yes", "one"), ("no", "three"), ("yes", "two"), ("yes", "two"), ("yes", " ") })
        {
            result.Answers.Add(new SampledAnswer { Label = label, Rationale = rationale });
        }

        var teaching = TaughtExample.Of(new ExtractionRow { Example = new Example { Id = "1" }, Result = result }).Teaching;

        Assert.Equal(new Teaching { Provenance = result.Provenance, Agreement = 0.75, Rationales = { "two" }, LabelDistribution = { result.LabelDistribution } }, teaching);
    }

    [Theory]
    [InlineData("It| is| neutral| news|.| The| answer| is| neut|ral|.", "It is neutral news.", "neutral", " neut|ral")]
    [InlineData("So| it| is|.| The| answer| is| (a|).", "So it is.", "a dog", "")]
    [InlineData("▁neutral|</s>", "It is neutral news.", "neutral", "▁neutral|</s>")]
    [InlineData("5| - |3", "5", "5 - 3", "5| - |3")]
    [InlineData("", "r", "l", "")]
    public void Of_TokensOfAText_KeepsTheLabels(string tokens, string rationale, string label, string expected)
    {
        var result = new RationaleResult { Rationale = rationale, Label = label };
        result.Tokens.AddRange(tokens.Split('|', StringSplitOptions.RemoveEmptyEntries).Select(token => new TokenPosition { Tokens = { new TokenLogProbability { Token = token } } }));

        var taught = TaughtExample.Of(new ExtractionRow { Example = new Example { Id = "1" }, Result = result });

        Assert.Equal(expected, string.Join('|', taught.Teaching?.Tokens.Select(position => position.Tokens[0].Token) ?? []));
        Assert.Equal(expected.Length == 0, taught.Teaching is null);
    }
}
