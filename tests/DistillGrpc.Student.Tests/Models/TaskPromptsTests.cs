using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Tests.Models;

/// <summary>With a tokenizer of bytes every id can be read.</summary>
public sealed class TaskPromptsTests
{
    private static readonly ByteTokenizer Bytes = new();

    [Fact]
    public void Prompts_PrefixOnTheEncoder_StandInFrontOfTheFirstSegmentAndOfWhatIsGiven()
    {
        var prompts = new TaskPrompts(Bytes, new ModelCard());

        Assert.Equal("[label] a|b|", Text(prompts.Label(["a", "b"])));
        Assert.Equal("[rationale] a|b|", Text(prompts.Rationale(["a", "b"])));
        Assert.Equal("[rationale] a|b|[label] yes|", Text(prompts.RationaleOf(["a", "b"], "yes")));
        Assert.Equal("[label] a|b|[rationale] why|", Text(prompts.LabelFrom(["a", "b"], "why")));
        Assert.Empty(prompts.Label(["a"]).DecoderPrefix);
    }

    [Fact]
    public void Prompts_PrefixOnTheDecoder_ReadTheSameInput()
    {
        var prompts = new TaskPrompts(Bytes, new ModelCard { PrefixOnDecoder = true });

        Assert.All(new[] { prompts.Label(["a", "b"]), prompts.Rationale(["a", "b"]), prompts.RationaleOf(["a", "b"], "yes") }, prompt => Assert.Equal("a|b|", Text(prompt)));
        Assert.Equal("[label] yes[rationale] ", Bytes.Decode([.. prompts.RationaleOf(["a"], "yes").DecoderPrefix]));
    }

    [Fact]
    public void RationaleOf_InputThatIsTooLong_IsCutWhereTheLabelIsNot()
    {
        var prompt = new TaskPrompts(Bytes, new ModelCard { MaxInputTokens = 30 }).RationaleOf([new string('x', 100)], "yes");

        Assert.Equal("[rationale] xxxxx|[label] yes|", Text(prompt));
        Assert.True(prompt.Input.Truncated);
    }

    [Fact]
    public void Target_RationaleAndLabel_IsTakenApartWhereItWasPutTogether()
    {
        var prompts = new TaskPrompts(Bytes, new ModelCard { Form = PredictionForm.RationaleThenLabel });
        var (whole, cut) = (prompts.Target("because", "yes", 100), prompts.Target("because", "yes", 15));

        Assert.Equal(("because", "yes"), (Bytes.Decode(prompts.RationaleIn(whole.Ids)), Bytes.Decode(prompts.LabelIn(whole.Ids))));
        Assert.Equal(("bec", "yes", true), (Bytes.Decode(prompts.RationaleIn(cut.Ids)), Bytes.Decode(prompts.LabelIn(cut.Ids)), cut.Truncated));
        Assert.Equal((false, Bytes.EosId), (whole.Truncated, whole.Ids[^1]));
        Assert.Equal(("because", ""), (Bytes.Decode(prompts.RationaleIn(Bytes.Encode("because"))), Bytes.Decode(prompts.LabelIn(Bytes.Encode("because")))));
    }

    private static string Text(TaskPrompt prompt) => string.Concat(prompt.Input.Ids.Select(id => id == Bytes.EosId ? "|" : Bytes.Decode([id])));
}
