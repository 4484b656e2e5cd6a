using DistillGrpc.Cli.Bench;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

namespace DistillGrpc.Cli.Tests.Bench;

public sealed class BenchPromptsTests
{
    [Theory]
    // A word has two tokens, and three more stand around them: the probe of half as many words as tokens is cut.
    [InlineData(40, 33, 15)]
    [InlineData(40, 40, 18)]
    [InlineData(10, 9, 3)]
    [InlineData(10_000, 2003, 1000)]
    public async Task Fit_ModelThatReadsLittleMore_FindsThePromptThatFits(int reads, int tokens, int words)
    {
        await using var student = await FakeServices.StartAsync(new MeasuredStudent { Reads = reads });
        using var channel = DistillChannel.To(student.Address());

        var prompts = await new PromptFit(new InferenceClient(channel), "", PredictionTask.Label, tokens, 1).FindAsync(default);

        Assert.Equal((words, MeasuredStudent.Version), (prompts.Of(7).Split(' ').Length, prompts.Model));
    }

    [Theory]
    [InlineData(40, 41, "--input-tokens: the model does not read 41: it cuts longer inputs to 40.")]
    [InlineData(40, 3, "--input-tokens: 3 are too few; what stands around the input takes 3 of them.")]
    [InlineData(4, 4, "--input-tokens: the model cuts even an input of one word.")]
    public async Task Fit_LengthThatCannotBe_IsRefused(int reads, int tokens, string expected)
    {
        await using var student = await FakeServices.StartAsync(new MeasuredStudent { Reads = reads });
        using var channel = DistillChannel.To(student.Address());

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => new PromptFit(new InferenceClient(channel), "", PredictionTask.Label, tokens, 1).FindAsync(default));

        Assert.Equal(expected, refused.Message);
    }
}
