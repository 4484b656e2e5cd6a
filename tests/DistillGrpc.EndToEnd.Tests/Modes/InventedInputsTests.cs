using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi;
using Microsoft.AspNetCore.Http;

namespace DistillGrpc.EndToEnd.Tests.Modes;

/// <summary>Zero-shot: there is nothing but a description of the task, and a teacher that invents inputs and explains them.</summary>
public sealed class InventedInputsTests
{
    [Fact]
    public async Task Create_NothingButADescription_LearnsFromWhatTheTeacherInvents()
    {
        var invented = new Queue<Example>(FeelingRows.Training());
        await using var endpoint = await ScriptedEndpoint.StartAsync(context => Answer(context, invented));
        using var state = new TemporaryFolder();
        using var teacher = await ServiceProcess.TeacherAsync(
            $"--StateDirectory={state.Path}", "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m", "--MaxInputsInFlight=1");
        using var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}", $"--Teacher={teacher.Address}");
        using var channel = DistillChannel.To(student.Address);
        var (training, datasets) = (new TrainingClient(channel), new DatasetClient(channel));
        var heldOut = (await datasets.UploadAsync(new UploadSpec(), FeelingRows.HeldOut().ToAsyncEnumerable())).Dataset.Name;

        var job = await training.CreateAsync(new CreateTrainingJobRequest
        {
            Spec = new TrainingSpec
            {
                ModelId = "zero-shot",
                Preset = "micro",
                Steps = 120,
                Seed = 1,
                LearningRate = 0.02,
                EvaluationDataset = heldOut,
                Report = new ReportOptions { SkipBaseline = true },
                Teacher = new TeacherSource { Invented = new InventedInputs { TaskDescription = "Say how the color of a thing feels.", Count = 63, Labels = { FeelingRows.Feelings } } },
            },
        });
        var events = await training.WatchAsync(job.Name).ToListAsync();

        var started = events.Single(e => e.Started is not null).Started;
        Assert.Equal((63, 63), (started.LabelRows, started.RationaleRows));
        var rows = await datasets.ReadAsync((await training.GetAsync(job.Name)).Dataset).ToListAsync();
        Assert.Equal(63, rows.Count(row => row is { Label: "", TeacherLabel.Length: > 0, Rationale.Length: > 0 } && row.Id.StartsWith("invented-", StringComparison.Ordinal)));
        Assert.InRange(events.Single(e => e.Evaluation is not null).Evaluation.Correct, 18, 27);
    }

    // Asked to invent it gives the next input; asked about an input it knows how its color feels.
    private static Task Answer(HttpContext context, Queue<Example> inputs)
    {
        var asked = ScriptedEndpoint.AskedIn(context);
        if (asked.Contains("Write one new input", StringComparison.Ordinal))
        {
            lock (inputs)
            {
                return ScriptedEndpoint.Says("stop", inputs.Dequeue().Segments[0])(context);
            }
        }

        var row = FeelingRows.Training().First(row => asked.Contains(row.Segments[0], StringComparison.Ordinal));
        return ScriptedEndpoint.Says("stop", $"{row.Segments[0].Split(' ')[1]} is {row.Label}. The answer is {row.Label}.")(context);
    }
}
