using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher;
using DistillGrpc.Tests;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A student that was taught is the teacher of another Teacher.</summary>
public sealed class StudentAsTeacherTests : IAsyncLifetime, IDisposable
{
    private const int Tokens = 512;
    private readonly RunningPair _pair = new();
    private readonly TemporaryFolder _state = new();
    private WebApplication _teacher = null!;
    private GrpcChannel _channel = null!;
    private TeacherClient _client = null!;

    public async Task InitializeAsync()
    {
        await _pair.InitializeAsync();
        await _pair.StopStudentAsync();
        // One answer after another: whoever waits says how long the one before went on.
        await _pair.StartStudentAsync("--MaxStepRows=1");
        // One word, over and over: an answer takes long enough to be cancelled.
        var rows = Enumerable.Range(0, 16).Select(i => new Example { Id = $"{i}", Label = "yes", TeacherLabel = "yes", Rationale = string.Join(' ', Enumerable.Repeat("on", 60)), Segments = { $"Say it {i}." } });
        await _pair.Training.TrainAsync(new TrainingSpec { ModelId = "t5", Preset = "micro", Steps = 60, MaxTargetTokens = 50 }, rows.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();
        _teacher = TeacherHost.Create(
            ["--Listen=http://127.0.0.1:0", $"--StateDirectory={_state.Path}", "--Teachers:t5:Backend=student", $"--Teachers:t5:Address={_pair.StudentAddress}", "--Teachers:t5:Model=models/t5"],
            builder => builder.Logging.ClearProviders());
        await _teacher.StartAsync();
        _channel = DistillChannel.To(_teacher.Address());
        _client = new TeacherClient(_channel);
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _teacher.DisposeAsync();
        await _pair.DisposeAsync();
    }

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task Answer_Streamed_IsWhatTheStudentSaysAndItsTextIsTheSumOfTheDeltas()
    {
        var own = await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it 3." }, Task = PredictionTask.Both, MaxOutputTokens = 30 });

        var streamed = await Ask(new RationaleSpec { StreamText = true, MaxOutputTokens = 30 }).ToListAsync();
        var likely = Assert.Single(await Ask(new RationaleSpec { MaxOutputTokens = 30, TopLogProbabilities = 2 }).ToListAsync()).Result;
        var whole = Assert.Single(await Ask(new RationaleSpec { MaxOutputTokens = 30 }).ToListAsync()).Result;

        var result = streamed[^1].Result;
        Assert.Equal((own.Label.Text, own.Rationale.Text), (result.Label, result.Rationale));
        Assert.Equal($"{own.Rationale.Text} The answer is {own.Label.Text}.", result.RawText);
        Assert.Equal(result.RawText, string.Concat(streamed.SkipLast(1).Select(response => response.Delta.Text)));
        Assert.Equal((own.Label.Usage.OutputTokens + own.Rationale.Usage.OutputTokens, own.Label.Usage.InputTokens + own.Rationale.Usage.InputTokens), (result.Usage.OutputTokens, result.Usage.InputTokens));
        (whole.Provenance.CreateTime, result.Provenance.CreateTime) = (null, null);
        Assert.Equal(result, whole);
        Assert.Equal(own.Label.Usage.OutputTokens, likely.Tokens.Count);
        Assert.All(likely.Tokens, position => Assert.Equal(2, position.Tokens.Count));
    }

    [Fact]
    public async Task Cancel_AfterTheFirstDelta_StopsTheStudent()
    {
        var whole = await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it 3." }, MaxOutputTokens = Tokens, Task = PredictionTask.Rationale });
        Assert.True(whole.Rationale.Usage.OutputTokens > 100, $"{whole.Rationale.Usage}");
        var waited = TimeSpan.MaxValue;
        // Had it gone on, the next request would wait for as long as a whole answer takes; on a machine that stalls it may once.
        for (var tries = 0; tries < 5 && waited > whole.Rationale.Timings.Decode.ToTimeSpan() / 2; tries++)
        {
            Assert.InRange(await DeltasUntilCancelledAsync(), 1, 50);
            waited = (await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it 3." }, MaxOutputTokens = 1 })).Label.Timings.Queue.ToTimeSpan();
        }

        Assert.InRange(waited, TimeSpan.Zero, whole.Rationale.Timings.Decode.ToTimeSpan() / 2);
    }

    private async Task<int> DeltasUntilCancelledAsync()
    {
        using var stop = new CancellationTokenSource();
        var deltas = 0;
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var response in Ask(new RationaleSpec { StreamText = true, MaxOutputTokens = Tokens }, stop.Token))
            {
                deltas++;
                await stop.CancelAsync();
            }
        });
        return deltas;
    }

    [Fact]
    public async Task Answer_StudentThatIsGone_IsUnavailableWithRetryInfo()
    {
        await _pair.StopStudentAsync();

        var failure = await Assert.ThrowsAsync<RpcException>(async () => await Ask(new RationaleSpec()).ToListAsync());

        Assert.Equal((StatusCode.Unavailable, "TEACHER_UNREACHABLE"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.NotNull(RpcErrors.RetryDelay(failure));
    }

    [Fact]
    public async Task Predict_LogProbabilities_AreOnePositionForEachTokenWithTheWrittenOneFirst()
    {
        var none = await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it 3." }, Task = PredictionTask.Both, MaxOutputTokens = 8 });
        var asked = new PredictRequest { Segments = { "Say it 3." }, Task = PredictionTask.Both, MaxOutputTokens = 8, TopLogProbabilities = 20 };

        var together = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => _pair.Inference.PredictAsync(asked)));
        var streamed = await _pair.Inference.StreamPredictAsync(new StreamPredictRequest { Segments = { asked.Segments }, Task = PredictionTask.Both, MaxOutputTokens = 8, TopLogProbabilities = 20 })
            .Where(part => part.Answer is not null).Select(part => part.Answer).ToListAsync();

        Assert.Empty(none.Label.Tokens.Concat(none.Rationale.Tokens));
        foreach (var answer in together.SelectMany(response => new[] { response.Label, response.Rationale }).Concat(streamed))
        {
            Assert.Equal(answer.Usage.OutputTokens, answer.Tokens.Count);
            Assert.Equal(answer.Text, string.Concat(answer.Tokens.Select(position => position.Tokens[0].Token)).Replace("</s>", "", StringComparison.Ordinal).Trim());
            Assert.All(answer.Tokens, position =>
            {
                Assert.Equal(20, position.Tokens.Count);
                Assert.Equal(position.Tokens.Select(token => token.LogProbability).OrderDescending(), position.Tokens.Select(token => token.LogProbability));
                Assert.InRange(position.Tokens.Sum(token => Math.Exp(token.LogProbability)), 0, 1.0001);
            });
            var first = answer.Task == PredictionTask.Rationale ? together[0].Rationale : together[0].Label;
            // libtorch's products round by the batch's shape: the last digits of a number may depend on who else is in a step, the text does not.
            Assert.Equal(first.Text, answer.Text);
            Assert.Equal(first.Tokens.Select(position => position.Tokens[0].Token), answer.Tokens.Select(position => position.Tokens[0].Token));
            Assert.All(
                first.Tokens.Zip(answer.Tokens).SelectMany(pair => pair.First.Tokens.Zip(pair.Second.Tokens)),
                pair => Assert.Equal(pair.First.LogProbability, pair.Second.LogProbability, 1e-4));
        }
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(21)]
    public async Task Predict_LogProbabilitiesOutOfRange_AreRefusedNamingTheField(int count)
    {
        var one = await Assert.ThrowsAsync<RpcException>(() => _pair.Inference.PredictAsync(new PredictRequest { Segments = { "x" }, TopLogProbabilities = count }));
        var streamed = await Assert.ThrowsAsync<RpcException>(async () => await _pair.Inference.StreamPredictAsync(new StreamPredictRequest { Segments = { "x" }, TopLogProbabilities = count }).ToListAsync());

        Assert.All(new[] { one, streamed }, failure => Assert.Equal((StatusCode.InvalidArgument, "top_log_probabilities"), (failure.StatusCode, RpcErrors.Field(failure))));
    }

    private IAsyncEnumerable<GenerateRationalesResponse> Ask(RationaleSpec spec, CancellationToken cancellationToken = default) =>
        _client.GenerateRationalesAsync(spec, new[] { new Example { Id = "1", Segments = { "Say it 3." } } }.ToAsyncEnumerable(), cancellationToken);
}
