using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Tests.Serving;
using Grpc.Core;
using Grpc.Health.V1;
using static Grpc.Health.V1.HealthCheckResponse.Types;

namespace DistillGrpc.Student.Tests.Operating;

public sealed class ModelHealthTests
{
    [Theory]
    [InlineData("", ServingStatus.Serving)]
    [InlineData("distill.v1.InferenceService", ServingStatus.Serving)]
    [InlineData("models/x", ServingStatus.Serving)]
    [InlineData("models/x@canary", ServingStatus.Serving)]
    [InlineData("models/x/versions/2", ServingStatus.Serving)]
    [InlineData("models/x/versions/3", ServingStatus.NotServing)]
    public async Task Check_NameThatThereIs_SaysWhetherItAnswers(string name, ServingStatus status)
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1, ["canary"] = 2 }, versions: 3);

        Assert.Equal(status, (await new Health.HealthClient(student.Channel).CheckAsync(new HealthCheckRequest { Service = name })).Status);
    }

    [Theory]
    [InlineData("models/y")]
    [InlineData("models/x@other")]
    [InlineData("models/x/versions/3")]
    [InlineData("models/x/")]
    [InlineData("models/../x")]
    [InlineData("distill.v1.Other")]
    public async Task Check_NameThatThereIsNot_IsNotFound(string name)
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1 });
        var failure = await Assert.ThrowsAsync<RpcException>(async () => await new Health.HealthClient(student.Channel).CheckAsync(new HealthCheckRequest { Service = name }));

        Assert.Equal((StatusCode.NotFound, "SERVICE_UNKNOWN"), (failure.StatusCode, RpcErrors.Reason(failure)));
    }

    [Fact]
    public async Task Watch_NameOfAMebibyte_IsUnknown()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1 });
        using var watch = new Health.HealthClient(student.Channel).Watch(new HealthCheckRequest { Service = $"models/{new string('x', 1 << 20)}" });

        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(watch));
    }

    [Fact]
    public async Task Watch_ModelThatComesAndGoes_TellsEveryChange()
    {
        await using var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1 });
        using var watch = new Health.HealthClient(student.Channel).Watch(new HealthCheckRequest { Service = "models/x@new" });

        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(watch));
        await student.Models.SetAliasAsync("models/x/versions/2", "new");
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
        await student.Models.DeleteAliasAsync("models/x", "new");
        Assert.Equal(ServingStatus.ServiceUnknown, await NextAsync(watch));
    }

    [Fact]
    public async Task Watch_ModelThatGivesNoNumbers_TellsThatItServesNoMore()
    {
        await using var student = await VersionedStudent.StartAsync(version => new ScriptedEngine(_ => "yes") { IsBroken = text => text.Contains("bad", StringComparison.Ordinal) }, new() { ["stable"] = 1 });
        using var watch = new Health.HealthClient(student.Channel).Watch(new HealthCheckRequest { Service = "models/x" });

        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
        await Assert.ThrowsAsync<RpcException>(() => student.Client.PredictAsync(new PredictRequest { Segments = { "bad" } }));
        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
    }

    [Fact]
    public async Task Watch_WhileAModelLoads_IsNotServingAndOthersServe()
    {
        using var gate = new Gate();
        await using var student = await VersionedStudent.StartAsync(
            version =>
            {
                if (version == 2)
                {
                    gate.Wait();
                }

                return new ScriptedEngine(_ => "yes");
            },
            new() { ["stable"] = 1 });
        var (health, moving) = (new Health.HealthClient(student.Channel), student.Models.SetAliasAsync("models/x/versions/2", "stable"));
        await ScriptedStudent.UntilAsync(() => student.Get<ModelCatalog>().FindModel("models/x", "name").Model.Served.ContainsKey(2));
        using var watch = health.Watch(new HealthCheckRequest { Service = "models/x/versions/2" });

        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        Assert.Equal(ServingStatus.Serving, (await health.CheckAsync(new HealthCheckRequest { Service = "models/x" })).Status);
        gate.Open();
        await moving;
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
    }

    [Fact]
    public async Task Watch_WhenTheServiceStops_SaysNotServingAndEnds()
    {
        var student = await VersionedStudent.StartAsync(new() { ["stable"] = 1 });
        using var watch = new Health.HealthClient(student.Channel).Watch(new HealthCheckRequest { Service = "models/x" });
        Assert.Equal(ServingStatus.Serving, await NextAsync(watch));
        student.Get<Microsoft.Extensions.Hosting.IHostApplicationLifetime>().StopApplication();

        Assert.Equal(ServingStatus.NotServing, await NextAsync(watch));
        Assert.False(await watch.ResponseStream.MoveNext(CancellationToken.None));
        await student.DisposeAsync();
    }

    // A change is told of within a tenth of a second; a busy machine has longer.
    private static async Task<ServingStatus> NextAsync(AsyncServerStreamingCall<HealthCheckResponse> watch)
    {
        using var late = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        Assert.True(await watch.ResponseStream.MoveNext(late.Token));
        return watch.ResponseStream.Current.Status;
    }
}
