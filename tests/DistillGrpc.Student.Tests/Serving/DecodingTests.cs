using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Decoding options over real HTTP/2: what they do to text, and what is refused.</summary>
public sealed class DecodingTests
{
    [Theory]
    [InlineData("one. two. three", ". ", "one")]
    [InlineData("one. two. three", "two", "one. ")]
    [InlineData("one\n\ntwo", "\n\n", "one")]
    [InlineData("one", "one", "")]
    [InlineData("one tw", "two", "one tw")]
    public async Task Stop_InTheAnswer_CutsItAndIsNeverSent(string written, string stop, string expected)
    {
        await using var student = await StartAsync(_ => written);
        var request = AskStream("x");
        request.Decoding = new DecodingOptions { Stop = { stop, "never there" } };
        var parts = await student.Client.StreamPredictAsync(request).ToListAsync();
        var whole = (await student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Decoding = request.Decoding })).Label;

        Assert.Equal(expected, string.Concat(parts.Where(part => part.Delta is not null).Select(part => part.Delta.Text)));
        Assert.All(new[] { parts[^1].Answer, whole }, answer => Assert.Equal((expected, expected == written ? FinishReason.EndOfSequence : FinishReason.Stop), (answer.Text, answer.FinishReason)));
        Assert.Equal(expected == written ? written.Length + 1 : written.IndexOf(stop, StringComparison.Ordinal) + stop.Length, whole.Usage.OutputTokens);
        await student.IdleAsync();
    }

    [Fact]
    public async Task Stop_EarlyInALongAnswer_SparesTheRest()
    {
        await using var student = await StartAsync(_ => "a. " + new string('x', 900), null, "--MaxOutputTokens=1000");
        // Slower than text is read; much slower, should its reader have been kept from it.
        student.Engine.OnStep = _ => Thread.Sleep(student.Engine.Rows.Count < 50 ? 2 : 20);
        var request = Ask("x");
        (request.MaxOutputTokens, request.Decoding) = (1000, new DecodingOptions { Stop = { "." } });

        Assert.Equal("a", (await student.Client.PredictAsync(request)).Label.Text);
        await student.IdleAsync();
        Assert.InRange(student.Engine.Rows.Count, 2, 200);
    }

    [Fact]
    public async Task Prefix_IsPartOfTheTextAndOfNoCount()
    {
        // The script knows places, not what stands there: the prefix takes the place of its first characters.
        await using var student = await StartAsync(_ => "Because it rains");
        var request = AskStream("x");
        request.Decoding = new DecodingOptions { Prefix = "As far" };
        var parts = await student.Client.StreamPredictAsync(request).ToListAsync();

        Assert.Equal("As fare it rains", parts[^1].Answer.Text);
        Assert.Equal(parts[^1].Answer.Text, string.Concat(parts.SkipLast(1).Select(part => part.Delta.Text)));
        Assert.Equal("e it rains".Length + 1, parts[^1].Answer.Usage.OutputTokens);
    }

    [Fact]
    public async Task Candidates_TheAnswerIsOneOfThemWithItsProbability()
    {
        // It would write something else.
        await using var student = await StartAsync(text => text.EndsWith("?", StringComparison.Ordinal) ? "nothing" : "yesterday");
        var request = Ask("is it?");
        request.Candidates.AddRange(["no", "yes", "not at all", "not", "no"]);
        request.MaxOutputTokens = 1;
        var answer = (await student.Client.PredictAsync(request)).Label;
        var streamed = AskStream("so.");
        streamed.Candidates.AddRange(["no", "yes", "yes, it is \uD83C\uDF89"]);
        var parts = await student.Client.StreamPredictAsync(streamed).ToListAsync();

        Assert.StartsWith("no", answer.Text, StringComparison.Ordinal);
        Assert.Contains(answer.Text, request.Candidates);
        Assert.InRange(answer.LogProbability, -20, 0);
        Assert.Contains(parts[^1].Answer.Text, streamed.Candidates);
        Assert.Equal(parts[^1].Answer.Text, Assert.Single(parts.SkipLast(1)).Delta.Text);
        Assert.Equal(FinishReason.EndOfSequence, answer.FinishReason);
    }

    [Fact]
    public async Task LogProbabilities_OnlyWhereTheyAreAskedFor_OfEveryTokenAndTheirSum()
    {
        await using var student = await StartAsync(_ => "yes");
        var plain = (await student.Client.PredictAsync(Ask("x"))).Label;
        var request = Ask("x");
        request.TopLogProbabilities = 3;
        var answer = (await student.Client.PredictAsync(request)).Label;

        Assert.False(plain.HasLogProbability || plain.HasScore || plain.HasSeed);
        Assert.Equal(["y", "e", "s", "</s>"], answer.Tokens.Select(position => position.Tokens[0].Token));
        Assert.All(answer.Tokens, position => Assert.Equal(3, position.Tokens.Count));
        Assert.Equal(answer.Tokens.Sum(position => position.Tokens[0].LogProbability), answer.LogProbability, 1e-6);
        Assert.Equal(answer.LogProbability, answer.Score);
    }

    [Fact]
    public async Task Beams_GiveTheBestAnswersAtTheEndOfTheStream()
    {
        await using var student = await StartAsync(_ => "yes");
        student.Engine.Second = (_, step) => 3 + "abcdefg"[step % 7];
        var request = AskStream("x");
        request.Decoding = new DecodingOptions { NumBeams = 4, NumAnswers = 3, LengthPenalty = 0 };
        var parts = await student.Client.StreamPredictAsync(request).ToListAsync();
        var answer = parts[^1].Answer;

        Assert.Equal("yes", Assert.Single(parts.SkipLast(1)).Delta.Text);
        Assert.Equal(("yes", 2), (answer.Text, answer.Alternatives.Count));
        Assert.True(answer.Score >= answer.Alternatives[0].Score && answer.Alternatives[0].Score >= answer.Alternatives[1].Score);
        Assert.All(answer.Alternatives, other => Assert.NotEqual("yes", other.Text));
        await student.IdleAsync();
    }

    [Fact]
    public async Task Samples_WithTheSeedThatWasDrawn_AreTheSameAgain()
    {
        await using var student = await StartAsync(_ => "yes");
        student.Engine.Second = (_, step) => 3 + "abcdefg"[step % 7];
        var request = Ask("x");
        request.Decoding = new DecodingOptions { Temperature = 2, NumAnswers = 4, TopK = 2 };
        var first = (await student.Client.PredictAsync(request)).Label;
        request.Decoding.Seed = first.Seed;
        var again = (await student.Client.PredictAsync(request)).Label;

        Assert.Equal(first.Alternatives.Select(other => other.Text).Prepend(first.Text), again.Alternatives.Select(other => other.Text).Prepend(again.Text));
        Assert.Equal((3, first.Seed), (first.Alternatives.Count, again.Seed));
    }

    [Fact]
    public async Task RationaleDecoding_WithBoth_IsForTheRationaleAlone()
    {
        await using var student = await StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes. it is" : "so. it is");
        var request = Ask("x", PredictionTask.Both);
        request.RationaleDecoding = new DecodingOptions { Stop = { "." } };
        var apart = await student.Client.PredictAsync(request);
        (request.Decoding, request.RationaleDecoding) = (request.RationaleDecoding, null);
        var alike = await student.Client.PredictAsync(request);

        Assert.Equal(("yes. it is", "so"), (apart.Label.Text, apart.Rationale.Text));
        Assert.Equal(("yes", "so"), (alike.Label.Text, alike.Rationale.Text));
    }

    public static TheoryData<string, DecodingOptions> Refused => new()
    {
        { "num_beams", new() { NumBeams = -1 } },
        { "num_beams", new() { NumBeams = 1_000_000 } },
        { "num_answers", new() { NumAnswers = int.MinValue } },
        { "num_answers", new() { NumAnswers = 17, Temperature = 1 } },
        { "num_answers", new() { NumAnswers = 2 } },
        { "num_answers", new() { NumAnswers = 5, NumBeams = 4 } },
        { "length_penalty", new() { LengthPenalty = double.NaN } },
        { "length_penalty", new() { LengthPenalty = 11 } },
        { "temperature", new() { Temperature = double.NaN } },
        { "temperature", new() { Temperature = -1 } },
        { "temperature", new() { Temperature = double.PositiveInfinity } },
        { "temperature", new() { Temperature = 1e-300 } },
        { "temperature", new() { Temperature = 1, NumBeams = 2 } },
        { "top_k", new() { TopK = -1 } },
        { "top_k", new() { TopK = int.MaxValue } },
        { "top_p", new() { TopP = 1.01 } },
        { "top_p", new() { TopP = double.NaN } },
        { "min_p", new() { MinP = -0.1 } },
        { "min_p", new() { MinP = double.NegativeInfinity } },
        { "repetition_penalty", new() { RepetitionPenalty = -1 } },
        { "repetition_penalty", new() { RepetitionPenalty = 1e-9 } },
        { "repetition_penalty", new() { RepetitionPenalty = double.NaN } },
        { "no_repeat_ngram_size", new() { NoRepeatNgramSize = 65 } },
        { "stop", new() { Stop = { "" } } },
        { "stop", new() { Stop = { new string('x', 257) } } },
        { "stop", new() { Stop = { Enumerable.Repeat("x", 1000) } } },
        { "prefix", new() { Prefix = new string('x', 4097) } },
        { "prefix", new() { Prefix = new string('x', 1030) } },
    };

    [Fact]
    public async Task Predict_OptionOutOfRange_IsRefusedNamingTheFieldAndCostsNothing()
    {
        await using var student = await StartAsync(_ => "yes");
        foreach (var row in Refused)
        {
            var (field, decoding) = ((string)row[0], (DecodingOptions)row[1]);
            await RefusedAsync($"decoding.{field}", new PredictRequest { Segments = { "x" }, Decoding = decoding });
            await RefusedAsync($"rationale_decoding.{field}", new PredictRequest { Segments = { "x" }, Task = PredictionTask.Both, RationaleDecoding = decoding });
        }

        await RefusedAsync("max_output_tokens", new PredictRequest { Segments = { "x" }, MaxOutputTokens = -1 });
        await RefusedAsync("max_output_tokens", new PredictRequest { Segments = { "x" }, MaxOutputTokens = int.MaxValue });
        await RefusedAsync("top_log_probabilities", new PredictRequest { Segments = { "x" }, TopLogProbabilities = 21 });
        await RefusedAsync("task", new PredictRequest { Segments = { "x" }, Task = (PredictionTask)99 });
        await RefusedAsync("segments", new PredictRequest { Segments = { " \t\n" } });
        await RefusedAsync("rationale_decoding", new PredictRequest { Segments = { "x" }, RationaleDecoding = new DecodingOptions() });
        await RefusedAsync("candidates", new PredictRequest { Segments = { "x" }, Candidates = { Enumerable.Range(0, 100_000).Select(i => $"{i}") } });
        await RefusedAsync("candidates[1]", new PredictRequest { Segments = { "x" }, Candidates = { "yes", " " } });
        await RefusedAsync("candidates[0]", new PredictRequest { Segments = { "x" }, Candidates = { new string('x', 1001) } });
        await RefusedAsync("candidates", new PredictRequest { Segments = { "x" }, Task = PredictionTask.Rationale, Candidates = { "yes" } });
        await RefusedAsync("decoding.prefix", new PredictRequest { Segments = { "x" }, Candidates = { "yes" }, Decoding = new DecodingOptions { Prefix = "y" } });
        await RefusedAsync("decoding.stop", new PredictRequest { Segments = { "x" }, Candidates = { "yes" }, Decoding = new DecodingOptions { Stop = { "y" } } });
        await RefusedAsync("decoding.no_repeat_ngram_size", new PredictRequest { Segments = { "x" }, Candidates = { "yes" }, Decoding = new DecodingOptions { NoRepeatNgramSize = 2 } });
        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("x"))).Label.Text);

        async Task RefusedAsync(string field, PredictRequest request)
        {
            var failure = await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(request));
            Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
            Assert.Empty(student.Engine.Passes);
        }
    }
}
