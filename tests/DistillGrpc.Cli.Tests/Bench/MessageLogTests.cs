using DistillGrpc.Cli.Bench;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Tests.Bench;

/// <summary>Which messages bring a token.</summary>
public sealed class MessageLogTests
{
    [Theory]
    // The answer alone brings the end-of-sequence token, or it came with the text before it.
    [InlineData(5, new[] { 1, 2, 3 }, new[] { 1L, 3L, 1L })]
    [InlineData(4, new[] { 1, 2 }, new[] { 1L, 3L })]
    public void Sample_Messages_HaveTheTokensThatTheyBring(int written, int[] times, long[] tokens)
    {
        var sample = Log(Delta(PredictionTask.Label, 1), Delta(PredictionTask.Label, 3), Answer(PredictionTask.Label, written));

        Assert.Equal(times, Of(sample.Tasks.Single()));
        Assert.Equal(tokens, sample.Tasks.Single().Messages.Select(message => message.Tokens));
        Assert.Equal((1, 9, written), (sample.First.Seconds, sample.Ended.Seconds, sample.OutputTokens));
    }

    [Fact]
    public void Sample_TextThatIsNoTokens_IsNoTokensMessage() => Assert.Equal([2], Of(Log(Delta(PredictionTask.Label, 0), Delta(PredictionTask.Label, 2), Answer(PredictionTask.Label, 2)).Tasks.Single()));

    [Fact]
    public void Sample_AnswerWithoutText_IsItsOnlyMessage() => Assert.Equal([1], Of(Log(Answer(PredictionTask.Label, 1)).Tasks.Single()));

    [Fact]
    public void Sample_BothTasks_KeepsThemApart()
    {
        var apart = Log(Delta(PredictionTask.Label, 1), Answer(PredictionTask.Label, 2), Delta(PredictionTask.Rationale, 1), Delta(PredictionTask.Rationale, 1), Answer(PredictionTask.Rationale, 3));
        // Rationale and label as one text: the rationale's answer comes when all is written.
        var one = Log(Delta(PredictionTask.Rationale, 1), Delta(PredictionTask.Rationale, 1), Delta(PredictionTask.Label, 1), Answer(PredictionTask.Rationale, 2), Answer(PredictionTask.Label, 1));

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

    private static int[] Of(TaskSample task) => [.. task.Messages.Select(message => message.Time.Seconds)];

    private static StreamPredictResponse Delta(PredictionTask task, int tokens) => new() { Delta = new AnswerDelta { Task = task, Text = "on", Tokens = tokens } };

    private static StreamPredictResponse Answer(PredictionTask task, int tokens) =>
        new() { Answer = new TaskAnswer { Task = task, Usage = new Usage { OutputTokens = tokens }, Timings = new Timings() } };
}
