using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Tests.Serving;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Operating;

public sealed class OperatingMetricsTests
{
    [Fact]
    public async Task Counters_OfShadowsAndKeptAnswers_HaveTheVersionAndTheOutcome()
    {
        // Other tests count on the same meter, by the names of their models.
        const string Model = "models/metered/versions/";
        var counted = new ConcurrentDictionary<(string Instrument, string Version, string Outcome), long>();
        using var listener = new MeterListener
        {
            InstrumentPublished = (instrument, listening) =>
            {
                if (instrument.Name is "distill.student.shadows" or "distill.student.cache")
                {
                    listening.EnableMeasurementEvents(instrument);
                }
            },
        };
        listener.SetMeasurementEventCallback<long>((instrument, value, tags, state) =>
        {
            var named = tags.ToArray().ToDictionary(tag => tag.Key, tag => $"{tag.Value}");
            if (named["model"].StartsWith(Model, StringComparison.Ordinal))
            {
                counted.AddOrUpdate((instrument.Name, named["model"][Model.Length..], named["outcome"]), value, (key, before) => before + value);
            }
        });
        listener.Start();
        await using var student = await VersionedStudent.StartAsync(
            version => new ScriptedEngine(text => version == 2 && text.EndsWith('9') ? "other" : "same"),
            new() { ["stable"] = 1, ["shadow"] = 2 },
            id: "metered",
            settings: "--ResponseCacheBytes=100000");
        await student.Models.SetTrafficAsync("models/metered", new ModelTraffic { ShadowPercent = 100 });
        foreach (var text in new[] { "1", "2", "9", "1" })
        {
            await student.Client.PredictAsync(Ask(text));
        }

        await UntilAsync(() => counted.Where(count => count.Key.Instrument == "distill.student.shadows").Sum(count => count.Value) == 3);
        student.Engine(2).OnStep = _ => throw new InvalidOperationException("broken");
        await student.Client.PredictAsync(Ask("3"));
        await UntilAsync(() => counted.ContainsKey(("distill.student.shadows", "2", "failed")));

        Assert.Equal(
            [
                (("distill.student.cache", "1", "hit"), 1L), (("distill.student.cache", "1", "miss"), 4L), (("distill.student.shadows", "2", "different"), 1L),
                (("distill.student.shadows", "2", "equal"), 2L), (("distill.student.shadows", "2", "failed"), 1L),
            ],
            counted.Select(count => (count.Key, count.Value)).Order());
    }
}
