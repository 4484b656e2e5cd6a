using System.Collections.Concurrent;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Predicting;

/// <summary>Whole files: what is there is not asked again, and what was half written is mended.</summary>
public sealed class PredictFileTests
{
    [Fact]
    public async Task Predict_FileOfAnInterruptedRun_AsksForTheRestAlone()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 40);
        // Two answers, one that was refused, and one that a kill has cut.
        await File.WriteAllTextAsync(answers, "{\"id\":\"0\",\"label\":\"kept\"}\n{\"id\":\"1\",\"error\":\"away\"}\n{\"id\":\"7\",\"label\":\"kept\"}\n{\"id\":\"8\",\"lab");
        var service = new EchoService();
        await using var student = await FakeServices.StartAsync(service);

        var (code, output, error) = await Distill.RunAsync("predict", "--in", rows, "--out", answers, "--student", $"{student.Address()}");
        var again = await Distill.RunAsync("predict", "--in", rows, "--out", answers, "--student", $"{student.Address()}");

        Assert.Equal((0, "", "38 rows answered, 0 refused, 2 were there."), (code, output, error.TrimEnd()));
        Assert.Equal("0 rows answered, 0 refused, 40 were there.", again.Error.TrimEnd());
        Assert.Equal(38, service.Asked.Count);
        var lines = (await File.ReadAllLinesAsync(answers)).Select(line => JsonDocument.Parse(line).RootElement).ToDictionary(line => line.GetProperty("id").GetString()!, line => line.GetProperty("label").GetString());
        Assert.Equal(40, lines.Count);
        Assert.All(lines, line => Assert.Equal(line.Key is "0" or "7" ? "kept" : $"row {line.Key}", line.Value));
    }

    [Fact]
    public async Task Predict_StudentThatGoesAway_LeavesWhatItHasAnsweredAndTheNextRunGoesOn()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 20);
        var service = new EchoService { FailsAfter = 5 };
        await using var student = await FakeServices.StartAsync(service);

        var first = await Distill.RunAsync("predict", "--in", rows, "--out", answers, "--json", "--student", $"{student.Address()}");
        var kept = (await File.ReadAllLinesAsync(answers)).Length;
        service.FailsAfter = int.MaxValue;
        var second = await Distill.RunAsync("predict", "--in", rows, "--out", answers, "--json", "--student", $"{student.Address()}");

        Assert.Equal((1, 0), (first.ExitCode, second.ExitCode));
        Assert.InRange(kept, 1, 5);
        var lines = await File.ReadAllLinesAsync(answers);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"row {i}").Order(), lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("prediction").GetProperty("label").GetProperty("text").GetString()).Order());
    }

    [Theory]
    [InlineData("{\"name\": \"something else\"}\n{\"name\": \"more\"}\n")]
    [InlineData("precious notes")]
    public async Task Predict_FileOfSomethingElse_IsLeftAsItIs(string content)
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 2);
        await File.WriteAllTextAsync(answers, content);

        var (code, _, error) = await Distill.RunAsync("predict", "--in", rows, "--out", answers, "--student", "http://127.0.0.1:9");

        Assert.Equal(1, code);
        Assert.Contains("--out", error, StringComparison.Ordinal);
        Assert.Equal(content, await File.ReadAllTextAsync(answers));
        Assert.Empty(Directory.GetFiles(folder.Path, "*.tmp"));
    }

    [Fact]
    public async Task Predict_WritingOptions_ReachTheStudentAndItsRefusalNamesThem()
    {
        var service = new EchoService();
        await using var student = await FakeServices.StartAsync(service);
        string[] options =
        [
            "--num-beams", "2", "--num-answers", "3", "--length-penalty", "0", "--temperature", "0.5", "--top-k", "4", "--top-p", "0.9", "--min-p", "0.1", "--repetition-penalty", "1.5", "--no-repeat-ngram", "2", "--seed",
            "7", "--prefix", "As", "--stop", "a", "--stop", "b", "--candidate", "yes", "--candidate", "no", "--logprobs", "6",
        ];
        await Distill.RunAsync(["predict", .. options, "--student", $"{student.Address()}", "text"]);
        var refused = await Distill.RunAsync("predict", "--temperature", "-1", "--student", $"{student.Address()}", "text");

        var expected = new DecodingOptions
        {
            NumBeams = 2, NumAnswers = 3, LengthPenalty = 0, Temperature = 0.5, TopK = 4, TopP = 0.9, MinP = 0.1, RepetitionPenalty = 1.5, NoRepeatNgramSize = 2, Seed = 7, Prefix = "As", Stop = { "a", "b" },
        };
        var asked = service.Streamed.First();
        Assert.Equal(expected, asked.Decoding);
        Assert.Equal((6, "yes,no"), (asked.TopLogProbabilities, string.Join(',', asked.Candidates)));
        Assert.StartsWith("error: --temperature: ", refused.Error, StringComparison.Ordinal);
    }

    private static (string Rows, string Answers) Files(TemporaryFolder folder, int count)
    {
        var rows = Path.Combine(folder.Path, "rows.jsonl");
        File.WriteAllLines(rows, Enumerable.Range(0, count).Select(i => JsonSerializer.Serialize(new { id = $"{i}", input = $"row {i}" })));
        return (rows, Path.Combine(folder.Path, "answers.jsonl"));
    }

    /// <summary>Its label is the input.</summary>
    private sealed class EchoService : InferenceService.InferenceServiceBase
    {
        public ConcurrentBag<string> Asked { get; } = [];

        public ConcurrentQueue<StreamPredictRequest> Streamed { get; } = new();

        public int FailsAfter { get; set; } = int.MaxValue;

        public override async Task BatchPredict(IAsyncStreamReader<BatchPredictRequest> requestStream, IServerStreamWriter<BatchPredictResponse> responseStream, ServerCallContext context)
        {
            var count = 0;
            await foreach (var request in requestStream.ReadAllAsync())
            {
                if (count++ == FailsAfter)
                {
                    throw RpcFailure.Of(StatusCode.Aborted, "GONE", "It is gone.");
                }

                Asked.Add(request.Id);
                await responseStream.WriteAsync(new BatchPredictResponse { Id = request.Id, Prediction = new PredictResponse { Label = new TaskAnswer { Text = request.Request.Segments[0] } } });
            }
        }

        public override Task StreamPredict(StreamPredictRequest request, IServerStreamWriter<StreamPredictResponse> responseStream, ServerCallContext context)
        {
            Streamed.Enqueue(request);
            return request.Decoding?.Temperature < 0 ? throw RpcFailure.InvalidArgument("decoding.temperature", "must be 0, or 0.01 to 100") : responseStream.WriteAsync(new StreamPredictResponse { Answer = new TaskAnswer() });
        }
    }
}
