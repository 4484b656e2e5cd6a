using DistillGrpc.Cli.Bench;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Tests.Bench;

/// <summary>Which messages bring a token.</summary>
public sealed class MessageLogTests
{
    [Theory]
    [InlineData(FinishReason.EndOfSequence, new[] { 1, 2, 3 })]
    // Its last token has come before.
    [InlineData(FinishReason.Length, new[] { 1, 2 })]
    public void Sample_Answer_IsTheEndOfSequenceTokensMessage(FinishReason reason, int[] expected)
    {
        var sample = Log(Delta(PredictionTask.Label), Delta(PredictionTask.Label), Answer(PredictionTask.Label, reason, 3));

        Assert.Equal(expected, Of(sample.Tasks.Single()));
        Assert.Equal((1, 9, 3), (sample.First.Seconds, sample.Ended.Seconds, sample.OutputTokens));
    }

    [Fact]
    public void Sample_AnswerWithoutText_IsItsOnlyMessage() => Assert.Equal([1], Of(Log(Answer(PredictionTask.Label, FinishReason.Length, 1)).Tasks.Single()));

    [Fact]
    public void Sample_BothTasks_KeepsThemApart()
    {
        var apart = Log(Delta(PredictionTask.Label), Answer(PredictionTask.Label, FinishReason.EndOfSequence, 2), Delta(PredictionTask.Rationale), Delta(PredictionTask.Rationale), Answer(PredictionTask.Rationale, FinishReason.EndOfSequence, 3));
        // Rationale and label as one text: the rationale's answer comes when all is written.
        var one = Log(Delta(PredictionTask.Rationale), Delta(PredictionTask.Rationale), Delta(PredictionTask.Label), Answer(PredictionTask.Rationale, FinishReason.EndOfSequence, 2), Answer(PredictionTask.Label, FinishReason.Length, 1));

        Assert.Equal([[1, 2], [3, 4, 5]], apart.Tasks.Select(Of));
        Assert.Equal([[1, 2], [3]], one.Tasks.Select(Of));
    }

    // A message in a second.
    private static RequestSample Log(params StreamPredictResponse[] messages)
    {
        var log = new MessageLog();
        for (var i = 0; i < messages.Length; i++)
        {
            log.Add(messages[i], TimeSpan.FromSeconds(i + 1));
        }

        return log.Sample(TimeSpan.Zero, TimeSpan.Zero, TimeSpan.FromSeconds(9));
    }

    private static int[] Of(TaskSample task) => [.. task.Messages.Select(message => message.Seconds)];

    private static StreamPredictResponse Delta(PredictionTask task) => new() { Delta = new AnswerDelta { Task = task, Text = "on" } };

    private static StreamPredictResponse Answer(PredictionTask task, FinishReason reason, int tokens) =>
        new() { Answer = new TaskAnswer { Task = task, FinishReason = reason, Usage = new Usage { OutputTokens = tokens }, Timings = new Timings() } };
}
