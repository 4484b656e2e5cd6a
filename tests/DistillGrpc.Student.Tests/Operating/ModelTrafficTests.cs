using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Tests.Serving;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Operating;

/// <summary>Requests that are divided among versions, over HTTP/2; versions answer their number.</summary>
public sealed class ModelTrafficTests
{
    [Fact]
    public async Task Predict_WithACanary_SplitsByKeyAndARaisedShareMovesKeysToTheCanaryOnly()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1, ["canary"] = 2 });
        var before = new HashSet<int>();
        foreach (var percent in new[] { 0.0, 10, 40, 100 })
        {
            await student.Models.SetTrafficAsync("models/x", new ModelTraffic { CanaryPercent = percent });
            var canaries = new HashSet<int>();
            for (var key = 0; key < 200; key++)
            {
                var (first, second) = (await AskAsync(student, $"key {key}", "one"), await AskAsync(student, $"key {key}", "another"));
                Assert.Equal(first, second);
                canaries.UnionWith(first == 2 ? [key] : []);
            }

            // Five deviations of 200 draws.
            var deviation = Math.Sqrt(200 * (percent / 100) * (1 - (percent / 100)));
            Assert.InRange(canaries.Count, (2 * percent) - (5 * deviation), (2 * percent) + (5 * deviation));
            Assert.Superset(before, canaries);
            before = canaries;
        }

        Assert.Equal((0L, 400L), Requests(await student.Models.GetAsync("models/x")));
    }

    [Fact]
    public async Task Predict_WithACanary_DividesStreamsAndBatchesAndNobodyWhoNamesAVersion()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1, ["canary"] = 2, ["old"] = 1 });
        await student.Models.SetTrafficAsync("models/x", new ModelTraffic { CanaryPercent = 100 });
        var streamed = await student.Client.StreamPredictAsync(new StreamPredictRequest { Segments = { "is it?" }, RoutingKey = "anna" }).ToListAsync();
        var batch = await student.Client.BatchPredictAsync(new[] { new BatchPredictRequest { Id = "1", Request = Ask("is it?") } }.ToAsyncEnumerable()).SingleAsync();
        var named = new List<string>();
        foreach (var name in new[] { "models/x", "models/x@stable", "models/x@old", "models/x/versions/1" })
        {
            named.Add((await student.Client.PredictAsync(new PredictRequest { Model = name, Segments = { "is it?" } })).Label.Text);
        }

        Assert.Equal(("models/x/versions/2", "2"), (streamed[^1].Answer.Model, streamed[^1].Answer.Text));
        Assert.Equal("models/x/versions/2", batch.Prediction.Model);
        Assert.Equal(["2", "1", "1", "1"], named);
    }

    [Fact]
    public async Task Predict_CanaryThatIsNotThere_IsAnsweredByThePlainVersion()
    {
        await using var student = await VersionedStudent.StartAsync(
            version => new ScriptedEngine(_ => $"{version}") { IsBroken = text => version == 2 && text.Contains("bad", StringComparison.Ordinal) }, new() { ["stable"] = 1 });
        await student.Models.SetTrafficAsync("models/x", new ModelTraffic { CanaryPercent = 100, ShadowPercent = 100 });
        var missing = await AskAsync(student, "", "is it?");
        await student.Models.SetAliasAsync("models/x/versions/2", "canary");
        var there = await AskAsync(student, "", "is it?");
        await Assert.ThrowsAsync<RpcException>(() => AskAsync(student, "", "bad"));
        var broken = await AskAsync(student, "", "is it?");

        Assert.Equal((1, 2, 1), (missing, there, broken));
    }

    [Fact]
    public async Task SetTraffic_IsKeptWithTheModelAndTakenBack()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1, ["try"] = 2 });
        var set = await student.Models.SetTrafficAsync("models/x", new ModelTraffic { CanaryAlias = "try", CanaryPercent = 100, ShadowPercent = 0.5 });
        await student.RestartAsync();
        var kept = await student.Models.GetAsync("models/x");

        Assert.Equal(set.Traffic, kept.Traffic);
        Assert.Equal(("try", 100.0, "shadow", 0.5), (kept.Traffic.CanaryAlias, kept.Traffic.CanaryPercent, kept.Traffic.ShadowAlias, kept.Traffic.ShadowPercent));
        Assert.Equal(2, await AskAsync(student, "", "is it?"));
        Assert.Null((await student.Models.SetTrafficAsync("models/x", null)).Traffic);
        Assert.Equal(1, await AskAsync(student, "", "is it?"));
        await student.RestartAsync();
        Assert.Null((await student.Models.GetAsync("models/x")).Traffic);
        Assert.Equal(["stable", "try"], (await student.Models.GetAsync("models/x")).Aliases.Keys.Order());
    }

    [Theory]
    [InlineData(-1, 0, "", "", "traffic.canary_percent")]
    [InlineData(double.NaN, 0, "", "", "traffic.canary_percent")]
    [InlineData(0, 100.1, "", "", "traffic.shadow_percent")]
    [InlineData(1, 1, "A", "", "traffic.canary_alias")]
    [InlineData(1, 1, "", "stable", "traffic.shadow_alias")]
    public async Task SetTraffic_ThatCannotBe_IsRefusedByItsField(double canary, double shadow, string canaryAlias, string shadowAlias, string field)
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1 });
        var traffic = new ModelTraffic { CanaryPercent = canary, ShadowPercent = shadow, CanaryAlias = canaryAlias, ShadowAlias = shadowAlias };
        var refused = await Assert.ThrowsAsync<RpcException>(() => student.Models.SetTrafficAsync("models/x", traffic));

        Assert.Equal((StatusCode.InvalidArgument, field), (refused.StatusCode, RpcErrors.Field(refused)));
        Assert.Null((await student.Models.GetAsync("models/x")).Traffic);
    }

    [Fact]
    public async Task Predict_RoutingKeyThatIsTooLong_IsRefused()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1 });
        var refused = await Assert.ThrowsAsync<RpcException>(() => AskAsync(student, new string('k', 257), "is it?"));

        Assert.Equal((StatusCode.InvalidArgument, "routing_key"), (refused.StatusCode, RpcErrors.Field(refused)));
        Assert.Equal(1, await AskAsync(student, new string('k', 256), "is it?"));
    }

    internal static async Task<int> AskAsync(VersionedStudent student, string key, string text) =>
        int.Parse((await student.Client.PredictAsync(new PredictRequest { Segments = { text }, RoutingKey = key })).Label.Text);

    private static (long Stable, long Canary) Requests(Model model) => (model.TrafficStatus.StableRequests, model.TrafficStatus.CanaryRequests);
}
