using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Operating;
using DistillGrpc.Student.Tests.Operating;
using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Hosting;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Callers that go, and services that stop, for every shape of a call, over real HTTP/2.</summary>
public sealed class CallShapeTests
{
    /// <summary>Shapes, and where the call stands when its caller goes.</summary>
    public static IEnumerable<object[]> Shapes => from shape in new[] { "StreamPredict", "BatchPredict", "Classify" } from phase in new[] { "queued", "encoding", "decoding" } select new object[] { shape, phase };

    [Theory]
    [MemberData(nameof(Shapes))]
    public async Task Deadline_EveryShapeInEveryPhase_EndsTheCallAndFreesWhatItHeld(string shape, string phase)
    {
        var id = $"{shape}-{phase}".ToLowerInvariant();
        await using var student = await VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => new string('y', 100)), new() { ["stable"] = 1 }, versions: 1, id: id, settings: "--MaxStepRows=1");
        using var outcomes = new Outcomes($"models/{id}/versions/1");
        // The first call of all takes a while.
        await student.Client.PredictAsync(new PredictRequest { Segments = { "warm" }, MaxOutputTokens = 1 });
        var (engine, inside, lateSteps, isRead) = (student.Engine(1), student.Get<InferenceGate>(), 0, false);
        using var gate = new Gate();
        engine.OnEncode = texts =>
        {
            isRead |= IsLate(texts);
            WaitIf(gate, phase == "encoding" && IsLate(texts));
        };
        engine.OnStep = texts =>
        {
            lateSteps += IsLate(texts) ? 1 : 0;
            WaitIf(gate, phase == "queued" || (phase == "decoding" && IsLate(texts)));
        };
        var ahead = phase == "queued" ? student.Client.PredictAsync(new PredictRequest { Segments = { "ahead" }, MaxOutputTokens = 2 }) : null;
        await UntilAsync(() => ahead is null || engine.LiveSequences == 1);

        var (failure, tries) = await LateCall.FailAsync(deadline => CallAsync(student, shape, deadline), () => phase == "queued" ? student.Waiting($"models/{id}") == 1 : isRead);
        await UntilAsync(() => inside.Inside == (ahead is null ? 0 : 1));
        gate.Open();
        _ = ahead is null ? null : await ahead;
        // Behind whatever is still under way.
        var next = await student.Client.PredictAsync(new PredictRequest { Segments = { "next" }, MaxOutputTokens = 1 });
        await UntilAsync(() => engine.LiveSequences + engine.LiveEncodings == 0);

        Assert.Equal(StatusCode.DeadlineExceeded, failure.StatusCode);
        Assert.Equal(phase != "queued", engine.Passes.Any(IsLate));
        // The turn in which it was read, or that which waited, may end with a step.
        Assert.InRange(lateSteps, phase == "decoding" ? 1 : 0, phase == "queued" ? 0 : 1);
        await UntilAsync(() => outcomes.Count("cancelled") > 0);
        Assert.InRange(outcomes.Count("cancelled"), 1, tries);
        Assert.Equal(1, next.Label.Usage.OutputTokens);
    }

    [Fact]
    public async Task Stop_WithStreamsOfEveryShapeAndAWatcher_SaysNotServingAndEndsThemUnavailableWithAReason()
    {
        await using var student = await VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => new string('y', 1000)), new() { ["stable"] = 1 }, versions: 1);
        student.Engine(1).OnStep = _ => Thread.Sleep(5);
        using var watch = new Health.HealthClient(student.Channel).Watch(new HealthCheckRequest());
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Task[] calls =
        [
            student.Client.PredictAsync(new PredictRequest { Segments = { "late" }, MaxOutputTokens = 1000 }),
            student.Client.StreamPredictAsync(new StreamPredictRequest { Segments = { "late" }, MaxOutputTokens = 1000 }).ToListAsync().AsTask(),
            student.Client.BatchPredictAsync(Endless()).ToListAsync().AsTask(),
        ];
        await UntilAsync(() => student.Engine(1).LiveSequences == 3);
        student.Get<IHostApplicationLifetime>().StopApplication();

        var failures = await Task.WhenAll(calls.Select(call => Assert.ThrowsAsync<RpcException>(() => call)));
        Assert.All(failures, failure => Assert.Equal((StatusCode.Unavailable, "SHUTTING_DOWN"), (failure.StatusCode, Client.RpcErrors.Reason(failure))));
        Assert.Equal(ServingStatus.Serving, watch.ResponseStream.Current.Status);
        Assert.True(await watch.ResponseStream.MoveNext(CancellationToken.None));
        Assert.Equal(ServingStatus.NotServing, watch.ResponseStream.Current.Status);
        await UntilAsync(() => student.Engine(1).LiveSequences == 0);
        Assert.Empty(student.Errors);

        // A caller who does not end his stream.
        static async IAsyncEnumerable<BatchPredictRequest> Endless([EnumeratorCancellation] CancellationToken cancellationToken = default)
        {
            yield return new BatchPredictRequest { Id = "1", Request = new PredictRequest { Segments = { "late" }, MaxOutputTokens = 1000 } };
            await Task.Delay(Timeout.Infinite, cancellationToken);
        }
    }

    private static bool IsLate(IEnumerable<string> texts) => texts.Any(text => text.EndsWith("late", StringComparison.Ordinal));

    private static void WaitIf(Gate gate, bool isHere)
    {
        if (isHere)
        {
            gate.Wait();
        }
    }

    private static async Task CallAsync(VersionedStudent student, string shape, DateTime deadline)
    {
        var client = new InferenceService.InferenceServiceClient(student.Channel);
        switch (shape)
        {
            case "StreamPredict":
                await student.Client.StreamPredictAsync(AskStream("late"), deadline).ToListAsync();
                break;
            case "Classify":
                await student.Client.ClassifyAsync(new ClassifyRequest { Segments = { "late" }, Labels = { "yes", "yellow", "no" } }, deadline);
                break;
            default:
                using (var call = client.BatchPredict(deadline: deadline))
                {
                    await call.RequestStream.WriteAsync(new BatchPredictRequest { Id = "1", Request = Ask("late") });
                    await call.ResponseStream.MoveNext(CancellationToken.None);
                }

                break;
        }
    }

    /// <summary>What has become of a version's answers, as the Student counts.</summary>
    private sealed class Outcomes : IDisposable
    {
        private readonly ConcurrentQueue<string> _outcomes = new();
        private readonly MeterListener _listener = new();

        public Outcomes(string version)
        {
            _listener.InstrumentPublished = (instrument, listener) =>
            {
                if (instrument.Name == "distill.student.answers")
                {
                    listener.EnableMeasurementEvents(instrument);
                }
            };
            _listener.SetMeasurementEventCallback<long>((_, _, tags, _) =>
            {
                var all = tags.ToArray().ToDictionary(tag => tag.Key, tag => $"{tag.Value}");
                if (all["model"] == version)
                {
                    _outcomes.Enqueue(all["outcome"]);
                }
            });
            _listener.Start();
        }

        public int Count(string outcome) => _outcomes.Count(one => one == outcome);

        public void Dispose() => _listener.Dispose();
    }
}
