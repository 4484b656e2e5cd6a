using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>The scheduler behind real HTTP/2, with an engine that waits and fails when it is told to.</summary>
public sealed class ServingTests
{
    [Fact]
    public async Task StreamPredict_Both_GivesTheLabelBeforeTheRationalesFirstToken()
    {
        await using var student = await StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes" : "because it is so");
        using var gate = new Gate();
        student.Engine.OnEncode = texts =>
        {
            if (texts[0].StartsWith("[rationale]", StringComparison.Ordinal))
            {
                gate.Wait();
            }
        };
        var parts = new List<StreamPredictResponse>();
        await foreach (var part in student.Client.StreamPredictAsync(AskStream("is it?", PredictionTask.Both)))
        {
            parts.Add(part);
            if (part.Answer?.Task == PredictionTask.Label)
            {
                // Nothing of the rationale is read before somebody has the label in hand.
                Assert.Equal(("yes", "models/scripted/versions/1"), (part.Answer.Text, part.Answer.Model));
                gate.Open();
            }
        }

        Assert.Equal("because it is so", parts[^1].Answer.Text);
        Assert.Equal("because it is so", string.Concat(parts.Where(part => part.Delta?.Task == PredictionTask.Rationale).Select(part => part.Delta.Text)));
        await student.IdleAsync();
    }

    [Fact]
    public async Task Predict_BothWithThePrefixOnTheDecoder_ReadsTheInputOnce()
    {
        await using var student = await StartAsync(_ => new string('x', 60), new ModelCard { PrefixOnDecoder = true });
        var both = await student.Client.PredictAsync(Ask("is it?", PredictionTask.Both));

        Assert.Equal(["is it?"], student.Engine.Passes.Single());
        Assert.Equal(TimeSpan.Zero, both.Rationale.Timings.Encode.ToTimeSpan());
        Assert.All(new[] { both.Label, both.Rationale }, answer => Assert.NotNull(answer.Timings.Tokenize));
        await student.IdleAsync();
    }

    [Fact]
    public async Task Predict_ManyAtOnce_ShareStepsAndGetWhatTheyGetAlone()
    {
        await using var student = await StartAsync(text => new string(text[^1], 3 + (text[^1] % 20)));
        var alone = new List<string>();
        for (var i = 0; i < 26; i++)
        {
            alone.Add((await student.Client.PredictAsync(Ask($"{(char)('a' + i)}"))).Label.Text);
        }

        student.Engine.Passes.Clear();
        using var gate = new Gate();
        student.Engine.OnStep = _ => gate.Wait();
        var asked = Enumerable.Range(0, 26).Select(i => student.Client.PredictAsync(Ask($"{(char)('a' + i)}"))).ToArray();
        // A first step waits, with those that came before it; the others wait for a place.
        await UntilAsync(() => student.Engine.Passes.Sum(pass => pass.Length) + student.Waiting == 26);
        gate.Open();
        var together = await Task.WhenAll(asked);

        Assert.Equal(alone, together.Select(answer => answer.Label.Text));
        Assert.InRange(student.Engine.Rows.Max(), 5, 26);
        await student.IdleAsync();
    }

    [Fact]
    public async Task BatchPredict_GoodAndBadInputs_HasAStatusForEachAndGoesOn()
    {
        await using var student = await StartAsync(text => text[^1] == '9' ? "nine" : "other", null, "--MaxQueue=2");
        var requests = Enumerable.Range(0, 100).Select(i => new BatchPredictRequest
        {
            Id = $"{i}",
            Request = (i % 10) switch { 3 => new PredictRequest(), 4 => With(new DecodingOptions { Temperature = double.NaN }), _ => Ask($"{i}") },
        });
        var answers = await student.Client.BatchPredictAsync(requests.ToAsyncEnumerable()).ToDictionaryAsync(answer => int.Parse(answer.Id));

        Assert.Equal(100, answers.Count);
        Assert.All(answers.Where(answer => answer.Key % 10 == 3), answer => Assert.Equal(("segments", (int)StatusCode.InvalidArgument), (answer.Value.Error.Field, answer.Value.Error.Code)));
        Assert.All(answers.Where(answer => answer.Key % 10 == 4), answer => Assert.Equal("decoding.temperature", answer.Value.Error.Field));
        Assert.All(answers.Where(answer => answer.Key % 10 is not (3 or 4)), answer => Assert.Equal(answer.Key % 10 == 9 ? "nine" : "other", answer.Value.Prediction.Label.Text));

        static PredictRequest With(DecodingOptions decoding) => new() { Segments = { "x" }, Decoding = decoding };
    }

    [Theory]
    [InlineData("say </s> and <pad> and <extra_id_0> and [label] and [rationale] too")]
    [InlineData("a\0b")]
    [InlineData("\u202Eright to left\u202C e\u0301 \uD83D\uDC69\u200D\uD83D\uDD2C")]
    [InlineData("half \uD83D of a pair")]
    public async Task Predict_TextThatLooksLikeControl_IsReadAsText(string text)
    {
        await using var student = await StartAsync(read => read);
        var answer = (await student.Client.PredictAsync(Ask(text))).Label;

        // A lone surrogate is no text: it is U+FFFD, as everywhere on the wire.
        Assert.Equal($"[label] {text}".Replace("\uD83D of", "\uFFFD of", StringComparison.Ordinal), student.Engine.Passes.Single().Single());
        Assert.Equal(FinishReason.EndOfSequence, answer.FinishReason);
    }

    [Fact]
    public async Task Predict_InputThatIsTooLong_IsCutAndTheAnswerSaysSo()
    {
        await using var student = await StartAsync(_ => "yes", new ModelCard { MaxInputTokens = 20 });
        var (whole, cut) = (await student.Client.PredictAsync(Ask("short")), await student.Client.PredictAsync(Ask(new string('x', 100_000))));

        Assert.Equal((false, true), (whole.Label.InputTruncated, cut.Label.InputTruncated));
        Assert.Equal((14, 20), (whole.Label.Usage.InputTokens, cut.Label.Usage.InputTokens));
    }

    [Fact]
    public async Task Predict_WhileABatchIsUnderWay_GoesBeforeWhatWaitsOfIt()
    {
        await using var student = await StartAsync(_ => new string('x', 20), null, "--MaxStepRows=4", "--MaxBatchRows=3", "--MaxBatchWait=01:00:00");
        using var gate = new Gate();
        student.Engine.OnStep = _ => gate.Wait();
        var rows = Enumerable.Range(0, 60).Select(i => new BatchPredictRequest { Id = $"{i}", Request = Ask($"row {i}") });
        var batch = student.Client.BatchPredictAsync(rows.ToAsyncEnumerable()).ToListAsync().AsTask();
        int Taken() => student.Engine.Passes.Sum(pass => pass.Length);
        await UntilAsync(() => Taken() > 0 && Taken() + student.Waiting == 60);
        var before = Taken();
        var now = student.Client.PredictAsync(Ask("now"));
        await UntilAsync(() => Taken() + student.Waiting == 61);
        gate.Open();
        var answers = await batch;

        // Next after those that the first step has, which may be three.
        Assert.InRange(before, 1, 3);
        Assert.Equal("[label] now", student.Engine.Passes.SelectMany(pass => pass).ElementAt(before));
        Assert.Equal(60, answers.Count(answer => answer.Prediction is not null));
        Assert.Equal(20, (await now).Label.Text.Length);
    }
}
