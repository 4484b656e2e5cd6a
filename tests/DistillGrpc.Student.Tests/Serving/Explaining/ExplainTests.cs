using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using Grpc.Core;

namespace DistillGrpc.Student.Tests.Serving.Explaining;

/// <summary>The rationale of an earlier prediction over real HTTP/2: what can be explained, with what, and what is said of it.</summary>
public sealed class ExplainTests
{
    private const string Unknown = "predictions/0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task Explain_AfterPredict_StreamsTheRationaleAndSaysThatItAgrees()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var prediction = await student.PredictAsync();
        var (deltas, answer, consistency) = await student.ExplainAsync(prediction);
        var again = await student.ExplainAsync(new ExplainRequest { Prediction = prediction, Segments = { "is it?" }, MaxOutputTokens = 5, TopLogProbabilities = 2 });

        Assert.Matches("^predictions/[0-9a-f]{32}$", prediction);
        Assert.Equal(("so it is yes", "so it is yes", "models/x/versions/1", PredictionTask.Rationale), (deltas, answer.Text, answer.Model, answer.Task));
        Assert.Equal(new Consistency { Verdict = ConsistencyVerdict.Agrees, LabelGiven = "yes", LabelRead = "yes", Reading = LabelReading.Stated }, consistency);
        Assert.Equal(("so it", FinishReason.Length, 5, ConsistencyVerdict.Disagrees), (again.Answer.Text, again.Answer.FinishReason, again.Answer.Tokens.Count, again.Consistency.Verdict));
        await IdleAsync(student);
    }

    [Fact]
    public async Task Predict_OnlyLabelsThatAreWanted_AreKeptOnceForEachRequest()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var both = await student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Task = PredictionTask.Both });
        var rationale = await student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Task = PredictionTask.Rationale });
        var refused = await student.Client.PredictAsync(new PredictRequest { Segments = { "x" }, Store = false });
        var streamed = await student.Client.StreamPredictAsync(new StreamPredictRequest { Segments = { "x" } }).ToListAsync();
        var unkept = await student.Client.StreamPredictAsync(new StreamPredictRequest { Segments = { "x" }, Store = false }).ToListAsync();
        var requests = new[] { new PredictRequest { Segments = { "x" } }, new PredictRequest { Segments = { "x" }, Store = true } };
        var batch = await student.Client.BatchPredictAsync(requests.Select((request, i) => new BatchPredictRequest { Id = $"{i}", Request = request }).ToAsyncEnumerable()).OrderBy(answer => answer.Id).ToListAsync();
        string[] kept = [both.Label.Prediction, streamed[^1].Answer.Prediction, batch[1].Prediction.Label.Prediction];

        Assert.Equal(3, kept.Where(prediction => prediction.Length > 0).Distinct().Count());
        Assert.All([both.Rationale.Prediction, rationale.Rationale.Prediction, refused.Label.Prediction, unkept[^1].Answer.Prediction, batch[0].Prediction.Label.Prediction], Assert.Empty);
        foreach (var prediction in kept)
        {
            Assert.Equal("so it is yes", (await student.ExplainAsync(prediction)).Answer.Text);
        }
    }

    [Theory]
    [InlineData("")]
    [InlineData("predictions/")]
    [InlineData("predictions/0123456789ABCDEF0123456789ABCDEF")]
    [InlineData("0123456789abcdef0123456789abcdef")]
    [InlineData("predictions/0123456789abcdef0123456789abcdef\n")]
    [InlineData("predictions/../models/x")]
    public async Task Explain_NameThatIsNone_IsRefused(string name)
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);

        Assert.Equal((StatusCode.InvalidArgument, "prediction"), await student.RefusedAsync(name) is var refused ? (refused.Code, refused.Reason) : default);
    }

    [Fact]
    public async Task Explain_FieldsThatCannotBe_AreRefusedByTheirNames()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var prediction = await student.PredictAsync();
        async Task RefusedAsync(string field, ExplainRequest request)
        {
            request.Prediction = prediction;
            Assert.Equal((StatusCode.InvalidArgument, field), await student.RefusedAsync(request) is var refused ? (refused.Code, refused.Reason) : default);
        }

        await RefusedAsync("segments", new ExplainRequest { Segments = { "is it" } });
        await RefusedAsync("segments", new ExplainRequest { Segments = { "is it?", "no" } });
        await RefusedAsync("max_output_tokens", new ExplainRequest { MaxOutputTokens = -1 });
        await RefusedAsync("top_log_probabilities", new ExplainRequest { TopLogProbabilities = 21 });
        await RefusedAsync("decoding.temperature", new ExplainRequest { Decoding = new DecodingOptions { Temperature = double.NaN } });
        var (code, reason, text) = await student.RefusedAsync(Unknown);
        Assert.Equal((StatusCode.NotFound, "PREDICTION_NOT_FOUND"), (code, reason));
        Assert.Contains("24 hours", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_LabelThatTheRationaleDoesNotState_IsReadByTheStudent()
    {
        // What it reads itself, under the label's prefix, it answers with a label.
        await using var student = await ExplainedStudent.StartAsync(text => text switch
        {
            "[label] it is as dark as coal" => "no",
            _ when text.StartsWith("[label]", StringComparison.Ordinal) => "yes",
            _ => "it is as dark as coal",
        });
        var own = (await student.ExplainAsync(await student.PredictAsync())).Consistency;
        var swapped = (await student.ExplainAsync(await student.PredictAsync("is it?", "no"))).Consistency;

        Assert.Equal((ConsistencyVerdict.Disagrees, "yes", "no", LabelReading.Reader), (own.Verdict, own.LabelGiven, own.LabelRead, own.Reading));
        Assert.InRange(own.Probability, 0.99, 1);
        Assert.Equal((ConsistencyVerdict.Agrees, "no", "no", LabelReading.Reader), (swapped.Verdict, swapped.LabelGiven, swapped.LabelRead, swapped.Reading));
        await IdleAsync(student);
    }

    [Theory]
    [InlineData("it is yes or no", true, LabelReading.Reader)]
    [InlineData("it is yes", false, LabelReading.Unspecified)]
    [InlineData("", true, LabelReading.Unspecified)]
    [InlineData("...", true, LabelReading.Unspecified)]
    public async Task Explain_NeitherTextNorReaderCanTell_IsUnknown(string rationale, bool hasReader, LabelReading reading)
    {
        // A reader that is never sure enough; and a model of which nobody has measured anything.
        var card = ExplainedStudent.Words with { Reading = hasReader ? new ReadingCard(null, ["no", "yes"], 1) : null };
        await using var student = await ExplainedStudent.StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes" : rationale, card);
        var consistency = (await student.ExplainAsync(await student.PredictAsync())).Consistency;

        Assert.Equal((ConsistencyVerdict.Unknown, "yes", reading), (consistency.Verdict, consistency.LabelGiven, consistency.Reading));
    }

    [Theory]
    [InlineData("2 and 3: 2 + 3.", ConsistencyVerdict.Agrees, "2 + 3")]
    [InlineData("2 and 3: 2 - 3.", ConsistencyVerdict.Disagrees, "2 - 3")]
    [InlineData("2 and 3: 1 2 + 3.", ConsistencyVerdict.Disagrees, "1 2 + 3")]
    [InlineData("2: 2. Then 3: 2 + 3.", ConsistencyVerdict.Agrees, "2 + 3")]
    [InlineData("2 and 3: 2 + 3. So", ConsistencyVerdict.Unknown, "")]
    [InlineData("2 and 3 make 2 + 3.", ConsistencyVerdict.Unknown, "")]
    [InlineData(": .", ConsistencyVerdict.Unknown, "")]
    public async Task Explain_LabelsThatAreNoClasses_AreReadFromTheirPlace(string rationale, ConsistencyVerdict verdict, string read)
    {
        var card = new ModelCard { Reading = new ReadingCard(new LabelPlace(": ", "."), [], null) };
        await using var student = await ExplainedStudent.StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "2 + 3" : rationale, card);
        var consistency = (await student.ExplainAsync(await student.PredictAsync())).Consistency;

        Assert.Equal((verdict, "2 + 3", read), (consistency.Verdict, consistency.LabelGiven, consistency.LabelRead));
    }

    [Fact]
    public async Task Explain_RationaleThatWasCut_HasNoPlace()
    {
        var card = new ModelCard { Reading = new ReadingCard(new LabelPlace("is ", ""), [], null) };
        await using var student = await ExplainedStudent.StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "yesterday" : "it is yesterday", card);
        var prediction = await student.PredictAsync();

        Assert.Equal(ConsistencyVerdict.Agrees, (await student.ExplainAsync(prediction)).Consistency.Verdict);
        Assert.Equal(ConsistencyVerdict.Unknown, (await student.ExplainAsync(new ExplainRequest { Prediction = prediction, MaxOutputTokens = 9 })).Consistency.Verdict);
    }

    [Fact]
    public async Task Explain_LabelsThatDoNotTell_AreNotTakenAsStated()
    {
        // Rationales for yes say "no doubt".
        var card = ExplainedStudent.Words with { Reading = new ReadingCard(null, ["yes"], null) };
        await using var student = await ExplainedStudent.StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes" : "there is no doubt", card);

        Assert.Equal(ConsistencyVerdict.Unknown, (await student.ExplainAsync(await student.PredictAsync())).Consistency.Verdict);
    }

    [Fact]
    public async Task Explain_ModelThatExplainsGivenLabels_ExplainsTheOneThatWasGiven()
    {
        var card = ExplainedStudent.Words with { ExplainsGivenLabel = true };
        await using var student = await ExplainedStudent.StartAsync(text => !text.StartsWith("[rationale]", StringComparison.Ordinal) ? "yes" : text.EndsWith("no", StringComparison.Ordinal) ? "it is no" : "it is yes", card);
        var explained = await student.ExplainAsync(await student.PredictAsync("is it?", "no"));

        Assert.Equal(("it is no", ConsistencyVerdict.Agrees, "no"), (explained.Answer.Text, explained.Consistency.Verdict, explained.Consistency.LabelGiven));
    }

    [Fact]
    public async Task Explain_OneText_IsWrittenAgainAndComparedWithTheLabelBehindIt()
    {
        var card = new ModelCard { Form = PredictionForm.RationaleThenLabel };
        await using var student = await ExplainedStudent.StartAsync(_ => "It rains.[label] wet", card);
        var (deltas, answer, consistency) = await student.ExplainAsync(await student.PredictAsync());

        Assert.Equal(("It rains.", "It rains."), (deltas, answer.Text));
        Assert.Equal(new Consistency { Verdict = ConsistencyVerdict.Agrees, LabelGiven = "wet", LabelRead = "wet", Reading = LabelReading.Reader }, consistency);
    }

    [Fact]
    public async Task Explain_LabelFromRationale_GivesTheRationaleThatTheLabelWasReadFrom()
    {
        var card = new ModelCard { Form = PredictionForm.LabelFromRationale, Labels = ["dry", "wet"] };
        await using var student = await ExplainedStudent.StartAsync(text => text.Contains("rains", StringComparison.Ordinal) ? "wet" : "dry", card);
        var predicted = await student.Client.PredictAsync(new PredictRequest { Segments = { "out?" }, GivenRationale = "It rains." });
        await student.RestartAsync();
        var (_, answer, consistency) = await student.ExplainAsync(predicted.Label.Prediction);

        Assert.Equal(("It rains.", ConsistencyVerdict.Agrees, "wet", LabelReading.Reader), (answer.Text, consistency.Verdict, consistency.LabelRead, consistency.Reading));
    }

    [Fact]
    public async Task Predict_ModelWithoutRationales_KeepsNothing()
    {
        await using var student = await ExplainedStudent.StartAsync(_ => "yes", new ModelCard { LacksRationales = true });

        Assert.Empty(await student.PredictAsync());
    }

    [Fact]
    public async Task Explain_CallerThatGoes_StopsWithinAStep()
    {
        await using var student = await ExplainedStudent.StartAsync(text => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes" : new string('x', 900), null, "--MaxOutputTokens=1000");
        var prediction = await student.PredictAsync();
        // All of it would take seconds.
        student.Loaded.Single().Engine.OnStep = _ => Thread.Sleep(5);
        using var stop = new CancellationTokenSource();
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var _ in student.Client.ExplainAsync(new ExplainRequest { Prediction = prediction, MaxOutputTokens = 1000 }, null, stop.Token))
            {
                await stop.CancelAsync();
            }
        });
        await IdleAsync(student);

        Assert.InRange(student.Loaded.Single().Engine.Rows.Count, 5, 850);
        Assert.Equal("yes", (await student.Client.PredictAsync(new PredictRequest { Segments = { "x" } })).Label.Text);
    }

    private static string Answer(string text) => text.StartsWith("[label]", StringComparison.Ordinal) ? text == "[label] so it" ? "no" : "yes" : "so it is yes";

    private static Task IdleAsync(ExplainedStudent student) => ScriptedStudent.UntilAsync(() => student.Loaded.All(loaded => loaded.Engine.LiveSequences + loaded.Engine.LiveEncodings == 0));
}
