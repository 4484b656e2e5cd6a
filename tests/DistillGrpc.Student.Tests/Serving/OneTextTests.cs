using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Models that write rationale and label as one text, over real HTTP/2.</summary>
public sealed class OneTextTests
{
    [Fact]
    public async Task OneText_StopInTheRationale_EndsBothAndADecodingOfItsOwnIsRefused()
    {
        await using var student = await StartAsync(_ => "It rains. So it is wet.[label] yes", new ModelCard { Form = PredictionForm.RationaleThenLabel });
        var plain = await student.Client.PredictAsync(Ask("x", PredictionTask.Both));
        var request = Ask("x", PredictionTask.Both);
        request.Decoding = new DecodingOptions { Stop = { " So" } };
        var stopped = await student.Client.PredictAsync(request);
        var stream = await student.Client.StreamPredictAsync(new StreamPredictRequest { Segments = { "x" }, Task = PredictionTask.Both, Decoding = request.Decoding }).ToListAsync();
        var refused = await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Task = PredictionTask.Both, RationaleDecoding = new DecodingOptions() }));

        Assert.Equal(("It rains. So it is wet.", "yes"), (plain.Rationale.Text, plain.Label.Text));
        Assert.Equal(("It rains.", FinishReason.Stop, "", FinishReason.Stop), (stopped.Rationale.Text, stopped.Rationale.FinishReason, stopped.Label.Text, stopped.Label.FinishReason));
        Assert.Equal("It rains.", string.Concat(stream.Where(part => part.Delta is not null).Select(part => part.Delta.Text)));
        Assert.Equal("ONE_TEXT", RpcErrors.Reason(refused));
    }

    [Theory]
    [InlineData("It rains.[label] wet", "It rains.")]
    [InlineData("It rains and does not come to a label", "It rains and does not come to a label")]
    public async Task OneText_Candidates_AreChosenFromBehindTheRationale(string written, string rationale)
    {
        await using var student = await StartAsync(_ => written, new ModelCard { Form = PredictionForm.RationaleThenLabel });
        student.Engine.OnStep = _ => Thread.Sleep(1);
        var request = Ask("x", PredictionTask.Both);
        request.Candidates.AddRange(["dry", "wet"]);
        var both = await student.Client.PredictAsync(request);
        request.Task = PredictionTask.Label;
        var label = (await student.Client.PredictAsync(request)).Label;
        var streamed = AskStream("x", PredictionTask.Both);
        streamed.Candidates.AddRange(request.Candidates);
        var parts = await student.Client.StreamPredictAsync(streamed).ToListAsync();

        Assert.Equal((rationale, FinishReason.EndOfSequence, label.Text), (both.Rationale.Text, both.Rationale.FinishReason, both.Label.Text));
        Assert.Contains(label.Text, written.EndsWith("wet", StringComparison.Ordinal) ? ["wet"] : request.Candidates);
        Assert.Equal((FinishReason.EndOfSequence, 4L), (label.FinishReason, label.Usage.OutputTokens));
        Assert.InRange(label.LogProbability, -1, 0);
        // The rationale as it is written, then the label.
        Assert.Equal(rationale + label.Text, string.Concat(parts.Where(part => part.Delta is not null).Select(part => part.Delta.Text)));
        Assert.Equal([PredictionTask.Rationale, PredictionTask.Label], parts.Where(part => part.Answer is not null).Select(part => part.Answer.Task));
        // The time of both is the label's where it alone is asked for; the input is read once.
        Assert.True(label.Timings.Decode.ToTimeSpan() > TimeSpan.FromMilliseconds(rationale.Length) && both.Label.Timings.Encode.ToTimeSpan() == TimeSpan.Zero);
        Assert.Equal(3, student.Engine.Passes.Count);
        await student.IdleAsync();
    }

    [Fact]
    public async Task OneText_CandidatesWithBeams_AreRankedBehindTheBestRationale()
    {
        await using var student = await StartAsync(_ => "It rains.[label] wet", new ModelCard { Form = PredictionForm.RationaleThenLabel });
        var request = Ask("x", PredictionTask.Both);
        request.Candidates.AddRange(["dry", "wet", "grey"]);
        (request.MaxOutputTokens, request.Decoding) = (5, new DecodingOptions { NumBeams = 3, NumAnswers = 3 });
        var answer = await student.Client.PredictAsync(request);

        Assert.Equal(("It ra", FinishReason.Length, 0), (answer.Rationale.Text, answer.Rationale.FinishReason, answer.Rationale.Alternatives.Count));
        Assert.Equal(["dry", "grey", "wet"], answer.Label.Alternatives.Select(other => other.Text).Append(answer.Label.Text).Order());
        Assert.Equal("wet", answer.Label.Text);
        await student.IdleAsync();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task OneText_MaxOutputTokens_HoldsForEachTaskByItself(bool isStreamed)
    {
        await using var student = await StartAsync(_ => "It rains.[label] yes indeed" + new string('x', 400), new ModelCard { Form = PredictionForm.RationaleThenLabel });
        var both = await AnswersAsync(PredictionTask.Both);
        student.Engine.Rows.Clear();
        student.Engine.OnStep = _ => Thread.Sleep(student.Engine.Rows.Count < 60 ? 5 : 50);
        var rationale = await AnswersAsync(PredictionTask.Rationale);
        var label = await AnswersAsync(PredictionTask.Label);

        Assert.Equal([("It ra", FinishReason.Length, 5L), ("yes i", FinishReason.Length, 5L)], both);
        Assert.Equal([("It ra", FinishReason.Length, 5L)], rationale);
        Assert.Equal([("yes i", FinishReason.Length, 5L)], label);
        // Neither writes on when it has what was asked for (274 steps are the limit); a few pass until that is known.
        Assert.InRange(student.Engine.Rows.Count, 5 + 22, 150);

        async Task<List<(string Text, FinishReason End, long Tokens)>> AnswersAsync(PredictionTask task)
        {
            if (!isStreamed)
            {
                var request = Ask("x", task);
                request.MaxOutputTokens = 5;
                var answer = await student.Client.PredictAsync(request);
                return [.. new[] { answer.Rationale, answer.Label }.OfType<TaskAnswer>().Select(part => (part.Text, part.FinishReason, part.Usage.OutputTokens))];
            }

            var parts = await student.Client.StreamPredictAsync(new StreamPredictRequest { Segments = { "x" }, Task = task, MaxOutputTokens = 5 }).ToListAsync();
            var answers = parts.Where(part => part.Answer is not null).Select(part => part.Answer).ToList();
            Assert.All(answers, answer => Assert.Equal(answer.Text, string.Concat(parts.Where(part => part.Delta?.Task == answer.Task).Select(part => part.Delta.Text))));
            return [.. answers.Select(part => (part.Text, part.FinishReason, part.Usage.OutputTokens))];
        }
    }
}
