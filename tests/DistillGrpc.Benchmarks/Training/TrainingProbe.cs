using System.CommandLine;
using System.Diagnostics;
using System.Text.Json;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Benchmarks.Training;

/// <summary><c>training-probe</c>: steps of one shape in one way, in a process of its own, so that its peak memory is its own; prints one line of JSON.</summary>
internal static class TrainingProbe
{
    public static Command Create()
    {
        var shape = new Option<string>("--shape") { Required = true };
        var both = new Option<bool>("--both");
        var steps = new Option<int>("--steps") { DefaultValueFactory = _ => 20 };
        var warmUp = new Option<int>("--warm-up") { DefaultValueFactory = _ => 3 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2 };
        var optimizer = new Option<string>("--optimizer") { DefaultValueFactory = _ => "adamw" };
        var bfloat16 = new Option<bool>("--bfloat16");
        var dropout = new Option<double>("--dropout");
        var command = new Command("training-probe", "What the training benchmark starts.") { shape, both, steps, warmUp, threads, optimizer, bfloat16, dropout };
        command.SetAction(parsed => Console.WriteLine(JsonSerializer.Serialize(Run(
            TrainingShape.All.Single(s => s.Name == parsed.GetValue(shape)), parsed.GetValue(both), parsed.GetValue(steps), parsed.GetValue(warmUp), parsed.GetValue(threads),
            parsed.GetValue(optimizer)!, parsed.GetValue(bfloat16), parsed.GetValue(dropout)))));
        return command;
    }

    private static TrainingFigures Run(TrainingShape shape, bool isBoth, int steps, int warmUp, int threads, string optimizerName, bool isBfloat16, double dropout)
    {
        FreedMemory.Keep();
        set_num_threads(threads);
        var before = Process.GetCurrentProcess().WorkingSet64;
        using var generator = new Generator(1);
        T5Dropout.Generator = generator;
        using var model = T5Model.Seeded(shape.Config with { Dropout = dropout }, 1);
        using IOptimizer optimizer = optimizerName == "adamw" ? new AdamW(model) : new Adafactor(model);
        using var trainer = new DistillationTrainer(model, optimizer, new TrainerOptions { Bfloat16 = isBfloat16 });
        BatchSampler[] samplers = [.. Enumerable.Range(0, isBoth ? 2 : 1).Select(task => new BatchSampler(shape.MakeRows(1000, task), TrainingShape.Rows, seed: 1))];
        using var product = new MatrixProduct();
        var (took, peaks, flops, memory) = (new List<StepSeconds>(), new List<double>(), 0.0, 0L);
        for (var step = -warmUp; step < steps; step++)
        {
            // The product and the steps take turns: what slows the machine down slows both.
            var peak = product.Measure();
            var started = Stopwatch.GetTimestamp();
            TaskBatch[] batches = [.. samplers.Select((sampler, task) => new TaskBatch(task == 0 ? TaskBatch.Label : TaskBatch.Rationale, sampler.Next()))];
            var data = Stopwatch.GetElapsedTime(started);
            trainer.Step(batches, 1e-4);
            var whole = Stopwatch.GetElapsedTime(started);
            flops = TrainingFlops.OfStep(shape.Config, [.. batches.Select(batch => batch.Rows)]);
            memory = Process.GetCurrentProcess().PeakWorkingSet64;
            if (step >= 0)
            {
                var times = trainer.Times;
                peaks.Add(peak);
                took.Add(new StepSeconds(whole.TotalSeconds, times.Forward.TotalSeconds, times.Backward.TotalSeconds, times.Optimizer.TotalSeconds, (data + (whole - data - times.Forward - times.Backward - times.Optimizer)).TotalSeconds));
            }
        }

        StepSeconds Of(Func<IEnumerable<double>, double> pick) => new(
            pick(took.Select(t => t.Whole)), pick(took.Select(t => t.Forward)), pick(took.Select(t => t.Backward)), pick(took.Select(t => t.Optimizer)), pick(took.Select(t => t.Data)));
        return new TrainingFigures(
            shape.Name, isBoth, TrainingShape.Rows * samplers.Length, Of(Median), Of(Enumerable.Min), flops, Median(peaks),
            // A step's own share, by the product before it.
            Median(took.Zip(peaks, (t, peak) => flops / t.Whole / peak)), memory, before);
    }

    private static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }
}
