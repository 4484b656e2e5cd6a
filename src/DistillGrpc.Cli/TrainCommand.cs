using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli;

/// <summary><c>distill train</c>: has a running Student learn from rows.</summary>
internal static class TrainCommand
{
    public static Command Create()
    {
        var data = new DataOptions("Rows to learn from; those without a rationale go to the Student's Teacher.");
        var extraction = new Option<string>("--extraction") { Description = "An extraction of the Student's Teacher, extractions/{id}, whose rows are learnt from (besides --data, where there is one).", DefaultValueFactory = _ => "" };
        var evalData = new Option<FileInfo?>("--eval-data") { Description = "Held-out rows." };
        var id = new Option<string>("--id") { Description = "Id of the model to make; one that is there gets a new version.", Required = true };
        var alias = new Option<string>("--alias") { Description = "The alias that the new version gets; under 'stable' it answers for the model.", DefaultValueFactory = _ => "stable" };
        var from = new Option<string>("--from") { Description = "A size (micro, mini, small, base), or a model that the Student has, models/{id}.", DefaultValueFactory = _ => "micro" };
        var mode = new Option<string>("--mode") { Description = "How the rows are learnt.", DefaultValueFactory = _ => "step-by-step" };
        mode.AcceptOnlyFromAmong("step-by-step", "label-only");
        var labels = new Option<string>("--labels") { Description = "Which label is the target.", DefaultValueFactory = _ => "gold-else-teacher" };
        labels.AcceptOnlyFromAmong("gold-else-teacher", "gold", "teacher");
        var lambda = new Option<double>("--lambda") { Description = "Weight of the rationale's loss against the label's.", DefaultValueFactory = _ => 1 };
        var optimizer = new Option<string>("--optimizer") { Description = "adafactor or adamw; default the Student's for --from.", DefaultValueFactory = _ => "" };
        optimizer.AcceptOnlyFromAmong("", "adafactor", "adamw");
        var batch = new Option<int>("--batch-size") { Description = "Examples in a batch; 0 for the Student's default." };
        var steps = new Option<int>("--steps") { Description = "Steps; 0 for the Student's default." };
        var rate = new Option<double>("--learning-rate") { Description = "Highest learning rate; 0 for the Student's default." };
        var seed = new Option<long>("--seed") { Description = "Seed of order and initialisation." };
        var equations = new Option<bool>("--equations") { Description = "Labels are equations, compared by value." };
        var student = Addresses.Student();
        var command = new Command("train", "Has a running Student learn from rows.") { extraction, evalData, id, alias, from, mode, labels, lambda, optimizer, batch, steps, rate, seed, equations, student };
        data.AddTo(command);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () =>
            {
                var spec = new TrainingSpec
                {
                    ModelId = parsed.GetValue(id),
                    Alias = parsed.GetValue(alias),
                    Mode = parsed.GetValue(mode) == "label-only" ? TrainingMode.LabelOnly : TrainingMode.DistillingStepByStep,
                    Teacher = new TeacherSource { Extraction = parsed.GetValue(extraction) },
                    LabelSource = parsed.GetValue(labels) switch { "gold" => LabelSource.Gold, "teacher" => LabelSource.Teacher, _ => LabelSource.GoldElseTeacher },
                    Lambda = parsed.GetValue(lambda),
                    Optimizer = parsed.GetValue(optimizer) switch { "adafactor" => Optimizer.Adafactor, "adamw" => Optimizer.Adamw, _ => Optimizer.Unspecified },
                    BatchSize = parsed.GetValue(batch),
                    Steps = parsed.GetValue(steps),
                    LearningRate = parsed.GetValue(rate),
                    Seed = parsed.GetValue(seed),
                    Scorer = parsed.GetValue(equations) ? AnswerScorer.Equation : AnswerScorer.ExactMatch,
                };
                if (parsed.GetValue(from)!.Contains('/', StringComparison.Ordinal))
                {
                    spec.BaseModel = parsed.GetValue(from);
                }
                else
                {
                    spec.Preset = parsed.GetValue(from);
                }

                return RunAsync(parsed.GetValue(student)!, spec, parsed.GetValue(extraction) is { Length: > 0 } && !data.IsGiven(parsed) ? null : data.Of(parsed), parsed.GetValue(evalData) is { } file ? data.Of(parsed, file) : null, cancellationToken);
            },
            cancellationToken));
        return command;
    }

    private static async Task RunAsync(string address, TrainingSpec spec, DataSource? data, DataSource? evalData, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", address);
        var line = new ProgressLine();
        var rows = data is null ? AsyncEnumerable.Empty<Example>() : data.ReadAsync(cancellationToken);
        var heldOut = evalData is null ? AsyncEnumerable.Empty<Example>() : evalData.ReadAsync(cancellationToken);
        await foreach (var response in new TrainingClient(channel).TrainAsync(spec, rows, heldOut, cancellationToken))
        {
            switch (response.EventCase)
            {
                case TrainingEvent.EventOneofCase.Teaching:
                    line.Show($"rationales {ProgressLine.Bar((double)response.Teaching.Rows / response.Teaching.TotalRows)}");
                    break;
                case TrainingEvent.EventOneofCase.Progress:
                    var step = response.Progress;
                    line.Show($"{ProgressLine.Bar((double)step.Step / step.TotalSteps)} step {step.Step} loss {step.Loss:0.000} ETA {step.Remaining.ToTimeSpan():m\\:ss}");
                    break;
                case TrainingEvent.EventOneofCase.Warning:
                    line.Clear();
                    await Console.Error.WriteLineAsync(response.Warning.Message);
                    break;
                case TrainingEvent.EventOneofCase.Evaluation:
                    line.Clear();
                    Console.WriteLine($"step {response.Evaluation.Step}: {response.Evaluation.Correct} of {response.Evaluation.Examples} right");
                    break;
                case TrainingEvent.EventOneofCase.Result:
                    line.Clear();
                    Console.WriteLine($"{response.Result.Model}: {response.Result.Steps} steps in {response.Result.TrainTime.ToTimeSpan().TotalSeconds:0.0} s");
                    break;
            }
        }
    }
}
