using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Tests.Serving;

namespace DistillGrpc.Student.Tests.Operating;

public sealed class CapacityTests
{
    [Fact]
    public async Task GetCapacity_WhileBusyAndAfterwards_SaysWhatRunsWhatWaitsAndWhatThereIsRoomFor()
    {
        await using var student = await VersionedStudent.StartAsync(
            _ => new ScriptedEngine(_ => new string('x', 9)), new() { ["stable"] = 1 }, settings: ["--MaxStepRows=2", "--MaxBatchRows=1", "--MaxQueue=7", "--MaxContextTokens=5000"]);
        using var gate = new Gate();
        var (engine, admin) = (student.Engine(1), new AdminClient(student.Channel));
        engine.OnStep = _ => gate.Wait();
        // The others come while it is in its first step.
        var asked = new List<Task<PredictResponse>> { AskAsync("0") };
        await ScriptedStudent.UntilAsync(() => engine.LiveSequences == 1);
        asked.AddRange(Enumerable.Range(1, 3).Select(i => AskAsync($"{i}")));
        var busy = await UntilAsync(admin, version => version is { InteractiveWaiting: 3, Rows: 1 });
        var process = (await admin.GetCapacityAsync()).Process;
        gate.Open();
        await Task.WhenAll(asked);
        var idle = await UntilAsync(admin, version => version is { Rows: 0, InteractiveWaiting: 0, TokensPerSecond: > 0 });

        Assert.Equal(("models/x/versions/1", ModelState.Serving, 1, 0, 4L), (busy.Name, busy.State, busy.Rows, busy.BatchRows, busy.WeightBytes));
        Assert.Equal((7, 2, 1, 5000L), (busy.MaxWaiting, busy.MaxRows, busy.MaxBatchRows, busy.MaxContextTokens));
        // "[label] 0" and its end, and room for 20.
        Assert.Equal(30, busy.ContextTokens);
        Assert.Equal(4, process.InferenceCalls);
        Assert.True(process is { ResidentBytes: > 10_000_000, ManagedBytes: > 100_000, Threads: > 3, Draining: false });
        Assert.Equal((0L, 0), (idle.ContextTokens, idle.BatchWaiting));
        Assert.Equal(0, (await admin.GetCapacityAsync()).Process.InferenceCalls);

        Task<PredictResponse> AskAsync(string text) => student.Client.PredictAsync(new PredictRequest { Segments = { text }, MaxOutputTokens = 20 });
    }

    [Fact]
    public async Task GetCapacity_OfVersionsInEveryState_HasThoseThatAreLoadedOrLoading()
    {
        using var gate = new Gate();
        await using var student = await VersionedStudent.StartAsync(
            version =>
            {
                if (version == 3)
                {
                    gate.Wait();
                }

                return new ScriptedEngine(_ => "yes") { IsBroken = _ => version == 2 };
            },
            new() { ["stable"] = 1, ["broken"] = 2 },
            versions: 4);
        var loading = student.Models.LoadVersionAsync("models/x/versions/3");
        var admin = new AdminClient(student.Channel);
        await ScriptedStudent.UntilAsync(() => student.Get<ModelCatalog>().FindModel("models/x", "name").Model.Served.ContainsKey(3));
        var states = (await admin.GetCapacityAsync()).Versions.Select(version => (version.Name[^1], version.State)).ToArray();
        gate.Open();
        await loading;

        Assert.Equal([('1', ModelState.Serving), ('2', ModelState.Failed), ('3', ModelState.Loading)], states);
        Assert.Equal(ModelState.Serving, (await admin.GetCapacityAsync()).Versions[2].State);
    }

    private static async Task<VersionCapacity> UntilAsync(AdminClient admin, Func<VersionCapacity, bool> condition)
    {
        for (var i = 0; i < 1000; i++)
        {
            if ((await admin.GetCapacityAsync()).Versions.Single() is var version && condition(version))
            {
                return version;
            }

            await Task.Delay(20);
        }

        throw new TimeoutException("It did not come to pass.");
    }
}
