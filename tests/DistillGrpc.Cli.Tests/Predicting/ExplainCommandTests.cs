using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Predicting;

/// <summary>A prediction's id from <c>distill predict</c>, and what <c>distill explain</c> makes of it.</summary>
public sealed class ExplainCommandTests
{
    private const string Prediction = "predictions/0123456789abcdef0123456789abcdef";

    [Fact]
    public async Task Predict_PredictionThatIsKept_IsNamedInTheJson()
    {
        await using var student = await FakeServices.StartAsync(new ExplainingService());
        var plain = await Distill.RunAsync("predict", "is it?", "--student", $"{student.Address()}");
        var json = await Distill.RunAsync("predict", "is it?", "--json", "--student", $"{student.Address()}");
        var unkept = await Distill.RunAsync("predict", "is it?", "--store", "false", "--student", $"{student.Address()}");

        // Quiet where nobody looks on.
        Assert.Equal((0, "yes", ""), (plain.ExitCode, plain.Output.TrimEnd(), plain.Error));
        Assert.Equal(("", Prediction), (json.Error, JsonDocument.Parse(json.Output).RootElement.GetProperty("prediction").GetString()));
        Assert.Equal((0, "yes", ""), (unkept.ExitCode, unkept.Output.TrimEnd(), unkept.Error));
    }

    [Fact]
    public async Task Predict_RowsThatAreStored_HaveTheirPredictions()
    {
        using var folder = new TemporaryFolder();
        var rows = Path.Combine(folder.Path, "rows.jsonl");
        await File.WriteAllTextAsync(rows, "{\"id\":\"1\",\"input\":\"is it?\"}\n");
        await using var student = await FakeServices.StartAsync(new ExplainingService());
        var stored = await Distill.RunAsync("predict", "--in", rows, "--store", "true", "--student", $"{student.Address()}");
        var others = await Distill.RunAsync("predict", "--in", rows, "--student", $"{student.Address()}");

        Assert.Equal($"{{\"id\":\"1\",\"label\":\"yes\",\"prediction\":\"{Prediction}\"}}", stored.Output.TrimEnd());
        Assert.Equal("{\"id\":\"1\",\"label\":\"yes\"}", others.Output.TrimEnd());
    }

    [Fact]
    public async Task Predict_CheckThatIsWanted_SaysWhetherTheyAgree()
    {
        using var folder = new TemporaryFolder();
        var rows = Path.Combine(folder.Path, "rows.jsonl");
        await File.WriteAllTextAsync(rows, "{\"id\":\"1\",\"input\":\"is it?\"}\n");
        await using var student = await FakeServices.StartAsync(new ExplainingService { Consistency = new Consistency { Verdict = ConsistencyVerdict.Disagrees, LabelGiven = "yes", LabelRead = "no", Reading = LabelReading.Stated } });
        var plain = await Distill.RunAsync("predict", "is it?", "--task", "both", "--check-consistency", "--student", $"{student.Address()}");
        var json = await Distill.RunAsync("predict", "is it?", "--task", "both", "--check-consistency", "--json", "--student", $"{student.Address()}");
        var row = await Distill.RunAsync("predict", "--in", rows, "--task", "both", "--check-consistency", "--student", $"{student.Address()}");

        Assert.Equal("yes\nThe rationale DISAGREES with the label 'yes': it argues for 'no', as it states.\n", plain.Output);
        Assert.Equal("no", JsonDocument.Parse(json.Output.Split('\n')[1]).RootElement.GetProperty("consistency").GetProperty("labelRead").GetString());
        Assert.Equal("{\"id\":\"1\",\"label\":\"yes\",\"consistency\":\"disagrees\"}\n", row.Output);
    }

    [Fact]
    public async Task Explain_Prediction_WritesTheRationaleAndWhetherItAgrees()
    {
        var service = new ExplainingService { Consistency = new Consistency { Verdict = ConsistencyVerdict.Agrees, LabelGiven = "yes", LabelRead = "yes", Reading = LabelReading.Stated } };
        await using var student = await FakeServices.StartAsync(service);
        var (code, output, error) = await Distill.RunAsync("explain", Prediction, "--text", "is it?", "--text", "or not?", "--max-tokens", "9", "--temperature", "0.5", "--logprobs", "2", "--fail-on-disagreement", "--student", $"{student.Address()}");

        Assert.Equal((0, "It is so.\nThe rationale agrees with the label 'yes', as it states.\n", ""), (code, output, error));
        Assert.Equal(new ExplainRequest { Prediction = Prediction, Segments = { "is it?", "or not?" }, MaxOutputTokens = 9, TopLogProbabilities = 2, Decoding = new DecodingOptions { Temperature = 0.5 } }, service.Asked);
    }

    [Fact]
    public async Task Explain_Disagreement_FailsWhereThatIsWanted()
    {
        await using var student = await FakeServices.StartAsync(new ExplainingService { Consistency = new Consistency { Verdict = ConsistencyVerdict.Disagrees, LabelGiven = "yes", LabelRead = "no", Reading = LabelReading.Reader, Probability = 0.97 } });
        var told = await Distill.RunAsync("explain", Prediction, "--student", $"{student.Address()}");
        var failed = await Distill.RunAsync("explain", Prediction, "--fail-on-disagreement", "--json", "--student", $"{student.Address()}");
        var answer = JsonDocument.Parse(failed.Output).RootElement;

        Assert.Equal((0, 1), (told.ExitCode, failed.ExitCode));
        Assert.Contains("DISAGREES with the label 'yes': it argues for 'no', as the student reads it, probability 0.97.", told.Output, StringComparison.Ordinal);
        Assert.Equal(("It is so.", "CONSISTENCY_VERDICT_DISAGREES"), (answer.GetProperty("answer").GetProperty("text").GetString(), answer.GetProperty("consistency").GetProperty("verdict").GetString()));
    }

    [Fact]
    public async Task Explain_PredictionThatIsGone_IsOneLineAndFails()
    {
        await using var student = await FakeServices.StartAsync(new ExplainingService());
        var (code, output, error) = await Distill.RunAsync("explain", "predictions/gone", "--student", $"{student.Address()}");

        Assert.Equal((1, "", "error: They are kept for 24 hours. (NotFound, PREDICTION_NOT_FOUND)"), (code, output, error.TrimEnd()));
    }

    private sealed class ExplainingService : InferenceService.InferenceServiceBase
    {
        public Consistency Consistency { get; init; } = new() { Verdict = ConsistencyVerdict.Unknown };

        public ExplainRequest? Asked { get; private set; }

        public override async Task StreamPredict(StreamPredictRequest request, IServerStreamWriter<StreamPredictResponse> responseStream, ServerCallContext context)
        {
            await responseStream.WriteAsync(new StreamPredictResponse { Delta = new AnswerDelta { Text = "yes" } });
            await responseStream.WriteAsync(new StreamPredictResponse { Answer = Answer(!request.HasStore || request.Store) });
            if (request.CheckConsistency)
            {
                await responseStream.WriteAsync(new StreamPredictResponse { Consistency = Consistency });
            }
        }

        public override async Task BatchPredict(IAsyncStreamReader<BatchPredictRequest> requestStream, IServerStreamWriter<BatchPredictResponse> responseStream, ServerCallContext context)
        {
            await foreach (var request in requestStream.ReadAllAsync())
            {
                await responseStream.WriteAsync(new BatchPredictResponse { Id = request.Id, Prediction = new PredictResponse { Label = Answer(request.Request.Store), Consistency = request.Request.CheckConsistency ? Consistency : null } });
            }
        }

        public override async Task Explain(ExplainRequest request, IServerStreamWriter<ExplainResponse> responseStream, ServerCallContext context)
        {
            if (request.Prediction != Prediction)
            {
                throw RpcFailure.NotFound("PREDICTION_NOT_FOUND", "They are kept for 24 hours.");
            }

            Asked = request;
            await responseStream.WriteAsync(new ExplainResponse { Delta = new AnswerDelta { Text = "It is " } });
            await responseStream.WriteAsync(new ExplainResponse { Delta = new AnswerDelta { Text = "so." } });
            await responseStream.WriteAsync(new ExplainResponse { Answer = new TaskAnswer { Task = PredictionTask.Rationale, Text = "It is so." } });
            await responseStream.WriteAsync(new ExplainResponse { Consistency = Consistency });
        }

        private static TaskAnswer Answer(bool isStored) => new() { Task = PredictionTask.Label, Text = "yes", Prediction = isStored ? Prediction : "" };
    }
}
