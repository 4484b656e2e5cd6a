using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Models;

public sealed class ModelsCommandTests
{
    [Fact]
    public async Task Traffic_WithOptions_ChangesThoseAndWithoutShowsWhatThereIs()
    {
        await using var student = await FakeServices.StartAsync(new KeptModel());
        string[] address = ["--student", $"{student.Address()}"];

        var before = await Distill.RunAsync(["models", "traffic", "x", .. address]);
        await Distill.RunAsync(["models", "traffic", "x", "--canary-percent", "2.5", "--shadow-alias", "try", .. address]);
        var set = await Distill.RunAsync(["models", "traffic", "models/x", "--shadow-percent", "50", "--json", .. address]);
        var after = await Distill.RunAsync(["models", "traffic", "x", .. address]);
        var refused = await Distill.RunAsync(["models", "traffic", "x", "--canary-percent", "much", .. address]);

        Assert.Equal((0, "models/x: stable gets all requests\n", ""), before);
        var traffic = JsonDocument.Parse(set.Output).RootElement.GetProperty("traffic");
        Assert.Equal((2.5, 50.0, "try"), (traffic.GetProperty("canaryPercent").GetDouble(), traffic.GetProperty("shadowPercent").GetDouble(), traffic.GetProperty("shadowAlias").GetString()));
        Assert.Equal(
            (0, "models/x: canary gets 2.5% of the requests (3 so far, stable 117); try answers 50% besides: 58 of 60 labels equal, 1 failed, 2 dropped, 12.5 ms beside 8.0 ms\n", ""),
            after);
        Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
    }

    [Fact]
    public async Task LoadAndUnload_OfAVersion_ShowWhatItIsThen()
    {
        await using var student = await FakeServices.StartAsync(new KeptModel());
        string[] address = ["--student", $"{student.Address()}"];

        var loaded = await Distill.RunAsync(["models", "load", "x/versions/2", .. address]);
        var unloaded = await Distill.RunAsync(["models", "unload", "models/x/versions/2", "--json", .. address]);
        var refused = await Distill.RunAsync(["models", "unload", "x/versions/1", .. address]);

        Assert.Equal((0, "models/x Serving\n  models/x/versions/2 Serving, pinned\n", ""), loaded);
        Assert.Equal("MODEL_STATE_UNLOADED", JsonDocument.Parse(unloaded.Output).RootElement.GetProperty("versions")[0].GetProperty("state").GetString());
        Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
        Assert.Contains("VERSION_HAS_ALIAS", refused.Error, StringComparison.Ordinal);
    }

    private sealed class KeptModel : ModelService.ModelServiceBase
    {
        private readonly Model _model = new() { Name = "models/x", State = ModelState.Serving };

        public override Task<GetModelResponse> GetModel(GetModelRequest request, ServerCallContext context) => Task.FromResult(new GetModelResponse { Model = _model });

        public override Task<SetModelTrafficResponse> SetModelTraffic(SetModelTrafficRequest request, ServerCallContext context)
        {
            _model.Traffic = request.Traffic;
            _model.Traffic.CanaryAlias = request.Traffic.CanaryAlias.Length > 0 ? request.Traffic.CanaryAlias : "canary";
            _model.TrafficStatus = new ModelTrafficStatus
            {
                StableRequests = 117,
                CanaryRequests = 3,
                Shadow = new ShadowComparison { Compared = 60, EqualLabels = 58, Failed = 1, Dropped = 2, MeanSeconds = 0.008, ShadowMeanSeconds = 0.0125 },
            };
            return Task.FromResult(new SetModelTrafficResponse { Model = _model });
        }

        public override Task<LoadModelVersionResponse> LoadModelVersion(LoadModelVersionRequest request, ServerCallContext context) =>
            Task.FromResult(new LoadModelVersionResponse { Model = With(new ModelVersion { Name = request.Name, State = ModelState.Serving, Pinned = true }) });

        public override Task<UnloadModelVersionResponse> UnloadModelVersion(UnloadModelVersionRequest request, ServerCallContext context) => request.Name.EndsWith("/1", StringComparison.Ordinal)
            ? throw RpcFailure.FailedPrecondition("VERSION_HAS_ALIAS", "models/x/versions/1 has the alias 'stable'.")
            : Task.FromResult(new UnloadModelVersionResponse { Model = With(new ModelVersion { Name = request.Name, State = ModelState.Unloaded }) });

        private Model With(ModelVersion version) => new(_model) { Versions = { version } };
    }
}
