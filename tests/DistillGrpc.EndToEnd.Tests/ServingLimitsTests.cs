using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A model that never ends by itself, one place in its queue, one row in its steps: 512 steps an answer.</summary>
public sealed class ServingLimitsTests : IAsyncLifetime
{
    private const int Tokens = 512;
    private readonly RunningPair _pair = new();

    public async Task InitializeAsync()
    {
        await _pair.InitializeAsync();
        await _pair.StopStudentAsync();
        await _pair.StartStudentAsync("--MaxQueue=1", "--MaxStepRows=1", "--MaxReceiveBytes=100000");
        // One word, over and over, so that the end of an answer is not what it has learnt.
        var rows = Enumerable.Range(0, 16).Select(i => new Example { Id = $"{i}", Label = string.Join(' ', Enumerable.Repeat("on", 60)), Segments = { $"Say it {i}." } });
        await _pair.Training.TrainAsync(new TrainingSpec { ModelId = "endless", Preset = "micro", Steps = 40, MaxTargetTokens = 50 }, rows.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();
    }

    public Task DisposeAsync() => _pair.DisposeAsync();

    [Fact]
    public async Task Cancel_AfterTheFirstToken_StopsDecodingAndFreesTheModel()
    {
        var whole = await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it." }, MaxOutputTokens = Tokens });
        Assert.Equal(Tokens, whole.Label.Usage.OutputTokens);
        var waited = TimeSpan.MaxValue;
        // Had it gone on, the next request would wait for as long as a whole answer takes; on a machine that stalls it may once.
        for (var tries = 0; tries < 5 && waited > whole.Label.Timings.Decode.ToTimeSpan() / 2; tries++)
        {
            Assert.InRange(await TokensUntilCancelledAsync(), 1, 50);
            waited = (await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it." }, MaxOutputTokens = 1 })).Label.Timings.Queue.ToTimeSpan();
        }

        Assert.InRange(waited, TimeSpan.Zero, whole.Label.Timings.Decode.ToTimeSpan() / 2);
    }

    [Fact]
    public async Task Deadline_ThatPassesWhileDecoding_EndsTheCallAndTheNextOneIsAnswered()
    {
        var client = new InferenceService.InferenceServiceClient(_pair.Channel);
        var request = new PredictRequest { Segments = { "Say it." }, MaxOutputTokens = Tokens };
        var (decode, failure) = (TimeSpan.FromMinutes(1), default(RpcException));
        // Half of what an answer took: on a machine that stalls one may take twice as long as the next.
        for (var tries = 0; tries < 10 && failure is null; tries++)
        {
            try
            {
                var took = (await client.PredictAsync(request, deadline: DateTime.UtcNow + (decode / 2))).Label.Timings.Decode.ToTimeSpan();
                decode = took < decode ? took : decode;
            }
            catch (RpcException late)
            {
                failure = late;
            }
        }

        Assert.Equal(StatusCode.DeadlineExceeded, failure?.StatusCode);
        Assert.Equal(1, (await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it." }, MaxOutputTokens = 1 })).Label.Usage.OutputTokens);
    }

    [Fact]
    public async Task Queue_Full_IsRefusedAtOnceWithRetryInfoAndAdmittedOnesAreAnswered()
    {
        var outcomes = await Task.WhenAll(Enumerable.Range(0, 12).Select(async _ =>
        {
            try
            {
                return ((await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it." }, MaxOutputTokens = Tokens })).Label.Usage.OutputTokens, default(RpcException));
            }
            catch (RpcException refused)
            {
                return (0L, refused);
            }
        }));

        var refusals = outcomes.Select(outcome => outcome.Item2).OfType<RpcException>().ToArray();
        Assert.InRange(refusals.Length, 1, 11);
        Assert.All(refusals, refused => Assert.Equal((StatusCode.ResourceExhausted, "QUEUE_FULL"), (refused.StatusCode, RpcErrors.Reason(refused))));
        Assert.All(refusals, refused => Assert.NotNull(RpcErrors.RetryDelay(refused)));
        Assert.All(outcomes.Where(outcome => outcome.Item2 is null), outcome => Assert.Equal(Tokens, outcome.Item1));
    }

    [Fact]
    public async Task Receive_MessageBeyondTheLimit_IsResourceExhaustedAndTheNextOneIsAnswered()
    {
        var failure = await Assert.ThrowsAsync<RpcException>(() => _pair.Inference.PredictAsync(new PredictRequest { Segments = { new string('x', 200_000) } }));

        Assert.Equal(StatusCode.ResourceExhausted, failure.StatusCode);
        Assert.NotNull(await _pair.Inference.PredictAsync(new PredictRequest { Segments = { "Say it." }, MaxOutputTokens = 1 }));
    }

    private async Task<int> TokensUntilCancelledAsync()
    {
        using var stop = new CancellationTokenSource();
        var tokens = 0;
        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var part in _pair.Inference.StreamPredictAsync(Ask(), stop.Token))
            {
                tokens++;
                await stop.CancelAsync();
            }
        });
        return tokens;
    }

    private static StreamPredictRequest Ask() => new() { Segments = { "Say it." }, MaxOutputTokens = Tokens };
}
