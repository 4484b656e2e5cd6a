using System.Diagnostics;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Student;
using DistillGrpc.Teacher;

namespace DistillGrpc.Cli.Quickstart;

/// <summary>The whole idea once: a teacher streams rationales, two students learn from the same rows, and are compared.</summary>
internal sealed class Quickstart(QuickstartOptions options)
{
    // For both students alike. At 0.08 step by step learns sooner, but label only has learnt nothing even when it has used as much
    // compute (0 of 400 with seed 106, where 0.05 brings it to 392).
    private const double ProblemLearningRate = 0.05;
    private const int ProblemWarmupSteps = 50;
    private const string StepByStep = "step-by-step";
    private const string LabelOnly = "label-only";
    private const int MeasuredRows = 100;
    private static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private readonly ProgressLine _line = new();
    private readonly ScoringRule _rule = options.Equations ? ScoringRule.Equation : ScoringRule.ExactMatch;

    public async Task RunAsync(CancellationToken cancellationToken)
    {
        // Found out now, not after minutes of training.
        using (options.Predictions?.Open(FileMode.OpenOrCreate, FileAccess.Write))
        {
        }

        var rows = options.Data is null ? QuickstartRows.Make(options) : await QuickstartRows.ReadAsync(options, cancellationToken);
        var state = EmbeddedService.CreateFolder("quickstart");
        try
        {
            await using var teacher = TeacherHost.Create([.. TeacherSettings(state)], EmbeddedService.Quiet, isEmbedded: true);
            await using var teacherStop = new Stop(teacher);
            await teacher.StartAsync(cancellationToken);
            await using var student = StudentHost.Create([.. StudentSettings(state, teacher.Address())], EmbeddedService.Quiet, isEmbedded: true);
            await using var studentStop = new Stop(student);
            await student.StartAsync(cancellationToken);
            Console.WriteLine($"Teacher on {teacher.Address()}, Student on {student.Address()}; {rows.Training.Count} rows to learn from, {rows.HeldOut.Count} held out.");
            using var channel = DistillChannel.To(student.Address());
            var (stepByStep, labelOnly) = await TrainBothAsync(new TrainingClient(channel), rows, cancellationToken);
            var inference = new InferenceClient(channel);
            var report = await ReportAsync(inference, rows, stepByStep, labelOnly, cancellationToken);
            if (options.Serve)
            {
                Console.WriteLine($"Serving until Ctrl-C. Ask with: distill predict --student {student.Address()} --model models/{StepByStep} --task both \"TEXT\"");
                await Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
            }

            if (options.Json)
            {
                Console.WriteLine(JsonSerializer.Serialize(report, Json));
            }
        }
        finally
        {
            _line.Clear();
            Directory.Delete(state, recursive: true);
        }
    }

    private IEnumerable<string> TeacherSettings(string state)
    {
        string[] settings = ["--Listen=http://127.0.0.1:0", $"--StateDirectory={state}"];
        return options.Data is null ? settings : [.. settings, "--Teachers:recorded:Backend=recorded", $"--Teachers:recorded:Path={options.Data.FullName}"];
    }

    private IEnumerable<string> StudentSettings(string state, Uri teacher)
    {
        string[] settings = ["--Listen=http://127.0.0.1:0", $"--StateDirectory={state}", $"--Teacher={teacher}"];
        return IsPreset ? settings : settings.Append($"--Models:base={Path.GetFullPath(options.Student)}");
    }

    private bool IsPreset => T5Preset.Names.Contains(options.Student);

    private TrainingSpec Spec(string id, TrainingMode mode)
    {
        var spec = new TrainingSpec
        {
            ModelId = id,
            Mode = mode,
            Steps = options.Steps,
            Seed = options.Seed,
            Scorer = options.Equations ? AnswerScorer.Equation : AnswerScorer.ExactMatch,
            LearningRate = IsPreset && options.Data is null ? ProblemLearningRate : 0,
            WarmupSteps = IsPreset && options.Data is null ? ProblemWarmupSteps : 0,
            // The other run is what it is compared with.
            Report = new ReportOptions { SkipBaseline = true },
        };
        if (IsPreset)
        {
            spec.Preset = options.Student;
        }
        else
        {
            spec.BaseModel = "models/base";
        }

        return spec;
    }

    // Both at once: the step-by-step run knows what it will cost when it starts, and the other one gets as much.
    private async Task<(RunOutcome StepByStep, RunOutcome LabelOnly)> TrainBothAsync(TrainingClient training, QuickstartRows rows, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var budget = new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously);
        var spec = Spec(StepByStep, TrainingMode.DistillingStepByStep);
        spec.Teacher = new TeacherSource();
        var progress = new PairProgress(_line);
        var first = Run(training, spec, rows, progress, budget, stop);
        var second = SecondAsync();
        await Task.WhenAll(first, second);
        _line.Clear();
        return (await first, await second);

        async Task<RunOutcome> SecondAsync()
        {
            var labelSpec = Spec(LabelOnly, TrainingMode.LabelOnly);
            labelSpec.ComputeBudgetFlops = await budget.Task;
            return await Run(training, labelSpec, rows, progress, null, stop);
        }
    }

    private static async Task<RunOutcome> Run(
        TrainingClient training, TrainingSpec spec, QuickstartRows rows, PairProgress progress, TaskCompletionSource<double>? budget, CancellationTokenSource stop)
    {
        var outcome = new RunOutcome();
        try
        {
            await foreach (var response in training.TrainAsync(spec, rows.Training.ToAsyncEnumerable(), rows.HeldOut.ToAsyncEnumerable(), stop.Token))
            {
                progress.Show(spec.ModelId, response);
                outcome.Add(response);
                if (response.Started is { } started)
                {
                    if (spec.Mode == TrainingMode.DistillingStepByStep && started.RationaleRows == 0)
                    {
                        throw new InvalidDataException("No row has a rationale: a row's field is called 'rationale', and its teacher's label 'llm_label'.");
                    }

                    budget?.TrySetResult(started.Flops);
                }
            }

            return outcome;
        }
        catch (Exception failure)
        {
            // One run without the other shows nothing.
            budget?.TrySetException(failure);
            await stop.CancelAsync();
            throw;
        }
    }

    private async Task<QuickstartReport> ReportAsync(InferenceClient inference, QuickstartRows rows, RunOutcome stepByStep, RunOutcome labelOnly, CancellationToken cancellationToken)
    {
        bool IsRight(string prediction, Example row) => _rule.IsRight(prediction, row.Label, row.Answer);
        if (options.Predictions is not null)
        {
            await WritePredictionsAsync(inference, rows, options.Predictions, cancellationToken);
        }

        var (latencies, tokensPerSecond) = await MeasureAsync(inference, rows, cancellationToken);
        var sample = "";
        var report = new QuickstartReport(
            labelOnly.Accuracies[0], labelOnly.Accuracies[^1], stepByStep.Accuracies[^1], Floors.Majority(rows, IsRight), Floors.Nearest(rows, IsRight), rows.HeldOut.Count,
            sample, stepByStep.Result.TrainTime.ToTimeSpan().TotalSeconds, labelOnly.Result.TrainTime.ToTimeSpan().TotalSeconds,
            latencies[latencies.Length / 2], latencies[latencies.Length * 95 / 100], stepByStep.TokensPerSecond, tokensPerSecond, stepByStep.Result.TeacherRows, stepByStep.Result.Flops, stepByStep.Result.PeakMemoryBytes, options.Seed);
        report.Print();
        foreach (var row in rows.HeldOut.Take(3))
        {
            sample = await ShowAsync(inference, row, cancellationToken);
        }

        return report with { RationaleSample = sample };
    }

    // Labels as a caller sees them, in milliseconds, fastest first; rationales in tokens a second.
    private static async Task<(double[] Latencies, double TokensPerSecond)> MeasureAsync(InferenceClient inference, QuickstartRows rows, CancellationToken cancellationToken)
    {
        var (latencies, tokens, seconds) = (new List<double>(), 0L, 0.0);
        foreach (var row in rows.HeldOut.Take(MeasuredRows))
        {
            var started = Stopwatch.GetTimestamp();
            await inference.PredictAsync(new PredictRequest { Model = $"models/{StepByStep}", Segments = { row.Segments } }, cancellationToken);
            latencies.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        foreach (var row in rows.HeldOut.Take(MeasuredRows / 5))
        {
            var started = Stopwatch.GetTimestamp();
            var answer = await inference.PredictAsync(new PredictRequest { Model = $"models/{StepByStep}", Segments = { row.Segments }, Task = PredictionTask.Rationale }, cancellationToken);
            (tokens, seconds) = (tokens + answer.Rationale.Usage.OutputTokens, seconds + Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        return ([.. latencies.Order()], tokens / seconds);
    }

    private static async Task<string> ShowAsync(InferenceClient inference, Example row, CancellationToken cancellationToken)
    {
        Console.WriteLine($"\n{string.Join('\n', row.Segments)}\n  gold         {row.Label}");
        var rationale = "";
        foreach (var (name, task) in new[] { ("[label]    ", PredictionTask.Label), ("[rationale]", PredictionTask.Rationale) })
        {
            Console.Write($"  {name}  ");
            var started = Stopwatch.GetTimestamp();
            await foreach (var part in inference.StreamPredictAsync(new StreamPredictRequest { Model = $"models/{StepByStep}", Segments = { row.Segments }, Task = task }, cancellationToken))
            {
                Console.Write(part.Delta?.Text ?? $"   ({Stopwatch.GetElapsedTime(started).TotalMilliseconds:0.0} ms)\n");
                rationale = part.Answer?.Text ?? rationale;
            }
        }

        return rationale;
    }

    private static async Task WritePredictionsAsync(InferenceClient inference, QuickstartRows rows, FileInfo file, CancellationToken cancellationToken)
    {
        var requests = rows.HeldOut.Select(row => new BatchPredictRequest
        {
            Id = row.Id,
            Request = new PredictRequest { Model = $"models/{StepByStep}", Task = PredictionTask.Both, Segments = { row.Segments } },
        });
        var answers = await inference.BatchPredictAsync(requests.ToAsyncEnumerable(), cancellationToken).ToDictionaryAsync(answer => answer.Id, cancellationToken: cancellationToken);
        await File.WriteAllLinesAsync(file.FullName, rows.HeldOut.Select(row => JsonSerializer.Serialize(new
        {
            id = row.Id,
            input = row.Segments,
            gold = row.Label,
            prediction = answers[row.Id].Prediction?.Label.Text,
            rationale = answers[row.Id].Prediction?.Rationale.Text,
        }, Json)), cancellationToken);
    }
}
