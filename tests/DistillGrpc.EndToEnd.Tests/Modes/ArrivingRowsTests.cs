using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests.Modes;

/// <summary>Training that begins while rationales still arrive, and inputs that are invented.</summary>
public sealed class ArrivingRowsTests(RunningPair pair) : IClassFixture<RunningPair>
{
    private const int Steps = 180;

    [Fact]
    public async Task Create_StartAfterSomeRows_LearnsWhileOthersArriveAndKeepsThemAll()
    {
        var (extractions, name) = await ExtractionAsync(20);
        var job = await pair.Training.CreateAsync(Request("arriving", name));
        await ReachAsync(job.Name, e => e.Progress?.Step >= 5);
        Assert.Equal(ExtractionState.Running, (await extractions.GetAsync(name)).State);

        await extractions.AppendInputsAsync(name, Rows(20, 30).ToAsyncEnumerable(), complete: true);
        var events = await pair.Training.WatchAsync(job.Name).ToListAsync();

        var ended = await pair.Training.GetAsync(job.Name);
        Assert.Equal(TrainingJobState.Succeeded, ended.State);
        Assert.Equal(20, events.Single(e => e.Started is not null).Started.RationaleRows);
        var growth = await File.ReadAllLinesAsync(Folder("arriving", "growth"));
        Assert.Equal("-1 20", growth[0]);
        Assert.EndsWith(" 50", growth[^1], StringComparison.Ordinal);
        var kept = await new DatasetClient(pair.Channel).GetAsync(ended.Dataset);
        Assert.Equal((50L, job.Name), (kept.Rows, kept.Origin.Training.Job));
    }

    [Fact]
    public async Task Pause_WhileRowsArrive_GoesOnToTheStudentThatTheRecordedOrderGives()
    {
        var (extractions, name) = await ExtractionAsync(20);
        var job = await pair.Training.CreateAsync(Request("stopped", name));
        await ReachAsync(job.Name, e => e.Progress?.Step >= 5);
        await extractions.AppendInputsAsync(name, Rows(20, 12).ToAsyncEnumerable(), complete: false);
        await ReachAsync(job.Name, e => e.Progress?.Step >= 25);
        Assert.Equal(TrainingJobState.Paused, (await pair.Training.PauseAsync(job.Name)).State);
        await extractions.AppendInputsAsync(name, Rows(32, 9).ToAsyncEnumerable(), complete: true);
        await pair.Training.ResumeAsync(job.Name);
        await pair.Training.WatchAsync(job.Name).ToListAsync();

        // The same rows in the same order, at the same steps, without a pause.
        Directory.CreateDirectory(Folder("replayed", ""));
        foreach (var file in new[] { "arrived.rows", "growth" })
        {
            File.Copy(Folder("stopped", file), Folder("replayed", file));
        }

        await pair.Training.WatchAsync((await pair.Training.CreateAsync(Request("replayed", name))).Name).ToListAsync();

        Assert.Equal((TrainingJobState.Succeeded, 1), ((await pair.Training.GetAsync(job.Name)).State, (await pair.Training.GetAsync(job.Name)).Resumptions));
        Assert.Equal(await File.ReadAllLinesAsync(Folder("stopped", "growth")), await File.ReadAllLinesAsync(Folder("replayed", "growth")));
        Assert.Equal(Weights("stopped"), Weights("replayed"));
    }

    [Fact]
    public async Task Create_NothingToLearnFrom_IsRefused()
    {
        var spec = new TrainingSpec { ModelId = "nothing", Preset = "micro", Teacher = new TeacherSource { StartAfterRows = 5 } };
        var none = await Assert.ThrowsAsync<RpcException>(() => pair.Training.CreateAsync(new CreateTrainingJobRequest { Spec = spec }));
        spec.Teacher.Invented = new InventedInputs { Count = 5 };
        var undescribed = await Assert.ThrowsAsync<RpcException>(() => pair.Training.CreateAsync(new CreateTrainingJobRequest { Spec = spec }));
        spec.Teacher.Invented.TaskDescription = "Sums of apples.";
        var job = await pair.Training.CreateAsync(new CreateTrainingJobRequest { Spec = spec });
        await pair.Training.WatchAsync(job.Name).ToListAsync();

        Assert.Equal("spec.dataset", RpcErrors.Field(none));
        Assert.Equal("spec.teacher.invented.task_description", RpcErrors.Field(undescribed));
        // The symbolic teacher takes no prompt, and says so.
        var failed = await pair.Training.GetAsync(job.Name);
        Assert.Equal((TrainingJobState.Failed, (int)StatusCode.InvalidArgument), (failed.State, failed.Code));
    }

    private async Task<(ExtractionClient Client, string Name)> ExtractionAsync(int rows)
    {
        var extractions = new ExtractionClient(pair.TeacherChannel);
        var name = (await extractions.CreateAsync(new CreateExtractionRequest { Spec = new ExtractionSpec { Rationales = new RationaleSpec() } })).Name;
        await extractions.AppendInputsAsync(name, Rows(0, rows).ToAsyncEnumerable(), complete: false);
        return (extractions, name);
    }

    private static IEnumerable<Example> Rows(int first, int count) => Enumerable.Range(first, count).Select(i => new Example
    {
        Id = $"{i}",
        Label = $"{i + 20} - 3",
        Segments = { $"Mia has {i + 20} apples. Mia loses 3 apples. How many apples does Mia have now?" },
    });

    private static CreateTrainingJobRequest Request(string id, string extraction) => new()
    {
        TrainingJobId = id,
        Spec = new TrainingSpec
        {
            ModelId = id,
            Preset = "micro",
            Steps = Steps,
            BatchSize = 8,
            Seed = 3,
            Dropout = 0.1,
            CheckpointInterval = 40,
            Teacher = new TeacherSource { Extraction = extraction, StartAfterRows = 20 },
        },
    };

    private async Task ReachAsync(string job, Func<TrainingEvent, bool> reached)
    {
        await foreach (var happened in pair.Training.WatchAsync(job))
        {
            if (reached(happened))
            {
                return;
            }
        }

        Assert.Fail("The job has ended before.");
    }

    private string Folder(string job, string file) => Path.Combine(pair.State, "jobs", job, file);

    private byte[] Weights(string model) => File.ReadAllBytes(Directory.GetFiles(Path.Combine(pair.State, "models", model), "model.safetensors", SearchOption.AllDirectories).Single());
}
