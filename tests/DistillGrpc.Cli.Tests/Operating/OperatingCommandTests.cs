using System.Collections.Concurrent;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Operating;

public sealed class OperatingCommandTests
{
    [Fact]
    public async Task Capacity_OfTwoVersions_IsATableOrTheMessage()
    {
        await using var student = await FakeServices.StartAsync(new Admin());

        var text = await Distill.RunAsync("capacity", "--student", $"{student.Address()}");
        var json = await Distill.RunAsync("capacity", "--json", "--student", $"{student.Address()}");

        Assert.Equal(
            (0, """
            version              state                    waiting  of batches  rows  context tokens  steps/s  tokens/s   weights
            models/x/versions/1  Serving                    1/256       0/256  2/64       300/65536     12.5      25.0  38.0 MiB
            models/x/versions/2  Loading (explains only)    0/256       0/256  0/64         0/65536      0.0       0.0   0.0 MiB
            300 MiB, 21 threads, 3 calls inside, draining

            """, ""),
            (text.ExitCode, text.Output, text.Error));
        var capacity = JsonDocument.Parse(json.Output).RootElement;
        Assert.Equal((0, 2, "MODEL_STATE_LOADING"), (json.ExitCode, capacity.GetProperty("versions").GetArrayLength(), capacity.GetProperty("versions")[1].GetProperty("state").GetString()));
        Assert.True(capacity.GetProperty("process").GetProperty("draining").GetBoolean());
    }

    [Fact]
    public async Task Drain_UntilNothingIsLeft_AndBack()
    {
        var admin = new Admin();
        await using var student = await FakeServices.StartAsync(admin);

        var drained = await Distill.RunAsync("drain", "--student", $"{student.Address()}");
        var resumed = await Distill.RunAsync("drain", "--resume", "--json", "--student", $"{student.Address()}");

        Assert.Equal((0, "Drained: nothing is left inside.\n", ""), drained);
        Assert.Equal((0, "{\"draining\":false}\n", ""), resumed);
        Assert.Equal(["drain ", "resume"], admin.Calls);
    }

    [Fact]
    public async Task Drain_ThatLeavesSome_SaysHowManyAndExitsWith1()
    {
        var admin = new Admin { Remaining = 2 };
        await using var student = await FakeServices.StartAsync(admin);

        var drained = await Distill.RunAsync("drain", "--wait", "1.5", "--json", "--student", $"{student.Address()}");
        var refused = await Distill.RunAsync("drain", "--wait", "-1", "--student", $"{student.Address()}");

        Assert.Equal((1, "{\"draining\":true,\"remaining\":2}\n", "error: 2 calls are still inside.\n"), drained);
        Assert.Equal((1, "", "error: --wait: must be 0 to 86400.\n"), refused);
        Assert.Equal(["drain 1.5"], admin.Calls);
    }

    private sealed class Admin : AdminService.AdminServiceBase
    {
        public long Remaining { get; init; }

        public ConcurrentQueue<string> Calls { get; } = [];

        public override Task<GetCapacityResponse> GetCapacity(GetCapacityRequest request, ServerCallContext context) => Task.FromResult(new GetCapacityResponse
        {
            Versions =
            {
                new VersionCapacity
                {
                    Name = "models/x/versions/1", State = ModelState.Serving, InteractiveWaiting = 1, MaxWaiting = 256, Rows = 2, MaxRows = 64, ContextTokens = 300, MaxContextTokens = 65536,
                    StepsPerSecond = 12.5, TokensPerSecond = 25, WeightBytes = 38 << 20,
                },
                new VersionCapacity { Name = "models/x/versions/2", State = ModelState.Loading, ExplainsOnly = true, MaxWaiting = 256, MaxRows = 64, MaxContextTokens = 65536 },
            },
            Process = new ProcessCapacity { ResidentBytes = 300 << 20, Threads = 21, Draining = true, InferenceCalls = 3 },
        });

        public override Task<DrainResponse> Drain(DrainRequest request, ServerCallContext context)
        {
            Calls.Enqueue($"drain {request.Wait?.ToTimeSpan().TotalSeconds}");
            return Task.FromResult(new DrainResponse { Remaining = Remaining });
        }

        public override Task<ResumeResponse> Resume(ResumeRequest request, ServerCallContext context)
        {
            Calls.Enqueue("resume");
            return Task.FromResult(new ResumeResponse());
        }
    }
}
