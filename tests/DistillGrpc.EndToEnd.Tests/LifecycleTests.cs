using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi;
using Grpc.Core;
using Grpc.Health.V1;

namespace DistillGrpc.EndToEnd.Tests;

public sealed class LifecycleTests
{
    [Fact]
    public async Task Sigkill_WhileTraining_LeavesNothingHalfAndARestartServesWhatWasThere()
    {
        using var state = new TemporaryFolder();
        using (var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}"))
        {
            using var channel = DistillChannel.To(student.Address);
            await new TrainingClient(channel).TrainAsync(Spec("kept", 2), Rows(), None()).ToListAsync();
            await Assert.ThrowsAsync<RpcException>(async () =>
            {
                await foreach (var response in new TrainingClient(channel).TrainAsync(Spec("lost", 1_000_000), Rows(), None()))
                {
                    if (response.Progress is not null && !student.HasExited)
                    {
                        student.Kill();
                    }
                }
            });
        }

        // As if it had been killed while it removed a version, and in the middle of writing one; and a model as it lay there before there were versions.
        var models = Path.Combine(state.Path, "models");
        Directory.Move(Path.Combine(models, "kept", "1"), Path.Combine(models, "plain"));
        Directory.Delete(Path.Combine(models, "kept"), recursive: true);
        Directory.Move(Path.Combine(models, "plain"), Path.Combine(models, "kept"));
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(models, "removed.gone")).FullName, "config.json"), "half");
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(Path.Combine(state.Path, "unfinished", "lost.1")).FullName, "model.safetensors"), "half");

        using (var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}"))
        {
            using var channel = DistillChannel.To(student.Address);
            await ServingAsync(channel);
            Assert.Equal(["models/kept"], (await new ModelClient(channel).ListAsync()).Select(model => model.Name));
            Assert.NotNull((await new InferenceClient(channel).PredictAsync(Ask())).Label);
            Assert.Empty(Directory.GetDirectories(Path.Combine(state.Path, "unfinished")));
            Assert.Equal("models/lost/versions/1", (await new TrainingClient(channel).TrainAsync(Spec("lost", 2), Rows(), None()).ToListAsync()).Single(e => e.Result is not null).Result.Model);
        }
    }

    [Fact]
    public async Task Sigkill_AtAnyInstantOfAJob_EndsWithTheStudentOfARunThatNothingInterrupted()
    {
        using var state = new TemporaryFolder();
        var (random, sequences, started, kills) = (new Random(4), new List<long>(), new List<int>(), 0);
        var isOver = false;
        while (!isOver)
        {
            using var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}");
            using var channel = DistillChannel.To(student.Address);
            var client = new TrainingClient(channel);
            var dataset = (await new DatasetClient(channel).UploadAsync(new UploadSpec(), Rows())).Dataset.Name;
            await client.CreateAsync(Job("killed", dataset));
            var until = random.Next(3, 60);
            try
            {
                await foreach (var happened in client.WatchAsync("trainingJobs/killed", sequences.LastOrDefault()))
                {
                    sequences.Add(happened.Sequence);
                    started.AddRange(happened.Started is { } begun ? [begun.StepsMade] : []);
                    if (kills < 4 && happened.Progress?.Step >= (started.LastOrDefault() + until))
                    {
                        kills++;
                        student.Kill();
                        break;
                    }
                }
            }
            catch (RpcException) when (student.HasExited)
            {
                // The last events are read from the next process.
            }

            isOver = !student.HasExited;
            if (isOver)
            {
                var done = await client.GetAsync("trainingJobs/killed");
                // The last kill may come when it has ended: what is read of it was a while ago.
                Assert.Equal((TrainingJobState.Succeeded, true), (done.State, done.Resumptions >= 1 && done.Resumptions <= kills));
                await client.CreateAsync(Job("whole", dataset));
                await foreach (var _ in client.WatchAsync("trainingJobs/whole"))
                {
                }
            }
        }

        Assert.InRange(kills, 1, 4);
        Assert.Equal(Enumerable.Range(1, sequences.Count).Select(i => (long)i), sequences);
        Assert.True(started.Zip(started.Skip(1)).All(pair => pair.First <= pair.Second) && started[^1] > 0, string.Join(", ", started));
        Assert.Equal(
            File.ReadAllBytes(Path.Combine(state.Path, "models", "whole", "1", "model.safetensors")),
            File.ReadAllBytes(Path.Combine(state.Path, "models", "killed", "1", "model.safetensors")));

        static CreateTrainingJobRequest Job(string id, string dataset) => new()
        {
            TrainingJobId = id,
            RequestId = id,
            Spec = new TrainingSpec { ModelId = id, Preset = "micro", Steps = 300, Dataset = dataset, CheckpointInterval = 7, Dropout = 0.1, Seed = 9 },
        };
    }

    [Fact]
    public async Task Sigterm_WhileTraining_EndsTheCallWithAReasonAndTheProcessInTime()
    {
        using var state = new TemporaryFolder();
        using var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}");
        using var channel = DistillChannel.To(student.Address);
        var (failure, exit) = (default(RpcException), default(Task<(int ExitCode, TimeSpan Took)>));
        try
        {
            await foreach (var response in new TrainingClient(channel).TrainAsync(Spec("long", 1_000_000), Rows(), None()))
            {
                exit ??= response.Progress is null ? null : student.TerminateAsync();
            }
        }
        catch (RpcException ended)
        {
            failure = ended;
        }

        Assert.Equal((StatusCode.Unavailable, "SHUTTING_DOWN"), (failure?.StatusCode, RpcErrors.Reason(failure!)));
        var (code, took) = await exit!;
        Assert.Equal(0, code);
        // The host would end it after 30.
        Assert.InRange(took.TotalSeconds, 0, 28);
        Assert.Empty(Directory.GetDirectories(Path.Combine(state.Path, "unfinished")));
    }

    [Fact]
    public async Task Train_TeacherKilledBetweenRows_GoesOnWithWhatCameAndSaysSo()
    {
        var (answered, release) = (0, new TaskCompletionSource());
        await using var endpoint = await ScriptedEndpoint.StartAsync(async context =>
        {
            if (Interlocked.Increment(ref answered) > 5)
            {
                await release.Task;
            }

            // Slow enough to be told of, which happens four times a second.
            await Task.Delay(100);

            await ScriptedEndpoint.Says("stop", "It is so. The answer is yes.")(context);
        });
        using var folder = new TemporaryFolder();
        using var teacher = await ServiceProcess.TeacherAsync(
            $"--StateDirectory={folder.Path}/teacher", "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m", "--MaxInputsInFlight=1");
        using var student = await ServiceProcess.StudentAsync($"--StateDirectory={folder.Path}/student", $"--Teacher={teacher.Address}");
        using var channel = DistillChannel.To(student.Address);
        var spec = Spec("half-taught", 2);
        spec.Teacher = new TeacherSource();

        var events = new List<TrainingEvent>();
        await foreach (var response in new TrainingClient(channel).TrainAsync(spec, Rows(), None()))
        {
            events.Add(response);
            if (response.Teaching is { Rows: < 20 } && !teacher.HasExited)
            {
                await WaitUntilAsync(() => Volatile.Read(ref answered) > 5);
                teacher.Kill();
            }
        }

        release.SetResult();
        Assert.Equal(["TEACHER_LOST", "ONE_LABEL"], events.Where(e => e.Warning is not null).Select(e => e.Warning.Reason));
        var started = events.Single(e => e.Started is not null).Started;
        Assert.Equal(20, started.LabelRows);
        // Five were answered; the last of them may have been on their way.
        Assert.InRange(started.RationaleRows, 1, 5);
        Assert.Equal(started.RationaleRows, events.Single(e => e.Result is not null).Result.TeacherRows);
    }

    [Fact]
    public async Task Sigkill_WhileTeaching_LosesNoAnswerThatWasGivenAndPaysForNoneAgain()
    {
        const int rows = 400, inFlight = 8, kills = 3;
        var (asked, allowed) = (0, 0);
        await using var endpoint = await ScriptedEndpoint.StartAsync(async context =>
        {
            // So that a Teacher has not answered everything before it is killed.
            for (var place = Interlocked.Increment(ref asked); place > Volatile.Read(ref allowed);)
            {
                await Task.Delay(10, context.RequestAborted);
            }

            await ScriptedEndpoint.Says("stop", "It is so. The answer is yes.")(context);
        });
        using var state = new TemporaryFolder();
        string[] settings =
        [
            $"--StateDirectory={state.Path}", "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m",
            "--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10", $"--MaxInputsInFlight={inFlight}",
        ];
        var given = new HashSet<string>();
        for (var kill = 1; kill <= kills; kill++)
        {
            Volatile.Write(ref allowed, Volatile.Read(ref asked) + 100);
            using var teacher = await ServiceProcess.TeacherAsync(settings);
            using var channel = DistillChannel.To(teacher.Address);
            await Assert.ThrowsAsync<RpcException>(async () =>
            {
                await foreach (var response in new TeacherClient(channel).GenerateRationalesAsync(new RationaleSpec(), Questions(rows)))
                {
                    given.Add(response.Result.InputId);
                    if (given.Count >= kill * 90 && !teacher.HasExited)
                    {
                        teacher.Kill();
                    }
                }
            });
        }

        Volatile.Write(ref allowed, int.MaxValue);
        using var last = await ServiceProcess.TeacherAsync(settings);
        using var open = DistillChannel.To(last.Address);
        var results = await new TeacherClient(open).GenerateRationalesAsync(new RationaleSpec(), Questions(rows)).Select(response => response.Result).ToListAsync();

        Assert.Equal(rows, results.Select(result => result.InputId).Distinct().Count());
        Assert.All(results, result => Assert.Equal("yes", result.Label));
        Assert.All(results.Where(result => given.Contains(result.InputId)), result => Assert.True(result.Provenance.Kept));
        Assert.InRange(endpoint.Requests.Count, rows, rows + (kills * inFlight));
        Assert.True(Assert.Single(await new TeacherClient(open).ListTeachersAsync()).SpentNanos >= results.Sum(result => result.Usage.CostNanos));
    }

    [Fact]
    public async Task Start_StateDirectoryThatCannotBeUsed_IsOneLineAndExitCode1()
    {
        using var state = new TemporaryFolder();
        using (var first = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}"))
        {
            var second = await ServiceProcess.RunToEndAsync("DistillGrpc.Student.dll", $"--StateDirectory={state.Path}");
            Assert.Equal((1, $"error: StateDirectory: {state.Path} is in use by another distill-student."), second);
        }

        await File.WriteAllTextAsync(Path.Combine(state.Path, "schema-version"), "99\n");
        var (code, output) = await ServiceProcess.RunToEndAsync("DistillGrpc.Student.dll", $"--StateDirectory={state.Path}");
        Assert.Equal(1, code);
        Assert.Contains("schema version '99'", output, StringComparison.Ordinal);

        var (badCode, bad) = await ServiceProcess.RunToEndAsync("DistillGrpc.Teacher.dll", "--Teachers:x:Backend=magic");
        Assert.Equal(1, badCode);
        Assert.Equal("error: Teachers:x:Backend: 'magic' is not a backend; there are symbolic, recorded, openai and student.", bad);
    }

    private static TrainingSpec Spec(string id, int steps) => new() { ModelId = id, Preset = "micro", Steps = steps };

    private static PredictRequest Ask() => new() { Segments = { "Question 3?" }, MaxOutputTokens = 2 };

    private static IAsyncEnumerable<Example> Questions(int count) => Enumerable.Range(0, count).Select(i => new Example { Id = $"{i}", Segments = { $"Question {i}?" } }).ToAsyncEnumerable();

    private static IAsyncEnumerable<Example> Rows() => Enumerable.Range(0, 20).Select(i => new Example { Id = $"{i}", Label = "yes", Segments = { $"Question {i}?" } }).ToAsyncEnumerable();

    private static IAsyncEnumerable<Example> None() => AsyncEnumerable.Empty<Example>();

    private static async Task ServingAsync(ChannelBase channel)
    {
        using var watch = new Health.HealthClient(channel).Watch(new HealthCheckRequest());
        while (await watch.ResponseStream.MoveNext(CancellationToken.None) && watch.ResponseStream.Current.Status != HealthCheckResponse.Types.ServingStatus.Serving)
        {
        }
    }

    private static async Task WaitUntilAsync(Func<bool> condition)
    {
        for (var i = 0; i < 500 && !condition(); i++)
        {
            await Task.Delay(20);
        }
    }
}
