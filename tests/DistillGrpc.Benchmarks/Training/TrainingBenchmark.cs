using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;

namespace DistillGrpc.Benchmarks.Training;

/// <summary><c>training</c>: examples a second, a step's parts, memory and the share of libtorch's own matrix product, beside Hugging Face's figures.</summary>
internal static class TrainingBenchmark
{
    public static Command Create()
    {
        var shapes = new Option<string>("--shapes") { Description = "Shapes, by commas.", DefaultValueFactory = _ => string.Join(',', TrainingShape.All.Select(shape => shape.Name)) };
        var steps = new Option<int>("--steps") { Description = "Steps that count, after three that do not.", DefaultValueFactory = _ => 20 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2 };
        var optimizer = new Option<string>("--optimizer") { Description = "adamw or adafactor.", DefaultValueFactory = _ => "adamw" };
        var dropout = new Option<double>("--dropout") { Description = "Default 0, as in the students that are trained from scratch." };
        var bfloat16 = new Option<bool>("--bfloat16") { Description = "Also the forward and backward pass in bfloat16." };
        var json = new Option<bool>("--json") { Description = "One JSON array instead of text." };
        var command = new Command("training", "Throughput and memory of training.") { shapes, steps, threads, optimizer, dropout, bfloat16, json };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            var results = new List<TrainingFigures>();
            foreach (var shape in parsed.GetValue(shapes)!.Split(',').Select(name => TrainingShape.All.Single(shape => shape.Name == name)))
            {
                foreach (var (isBoth, isBfloat16) in new[] { (false, false), (true, false), (false, true), (true, true) })
                {
                    if (!isBfloat16 || parsed.GetValue(bfloat16))
                    {
                        string[] arguments =
                        [
                            "--shape", shape.Name, "--steps", $"{parsed.GetValue(steps)}", "--threads", $"{parsed.GetValue(threads)}", "--optimizer", parsed.GetValue(optimizer)!,
                            "--dropout", parsed.GetValue(dropout).ToString(CultureInfo.InvariantCulture), .. isBoth ? ["--both"] : Array.Empty<string>(), .. isBfloat16 ? ["--bfloat16"] : Array.Empty<string>(),
                        ];
                        var figures = await ProbeAsync(arguments, cancellationToken);
                        results.Add(figures);
                        if (!parsed.GetValue(json))
                        {
                            Print(shape, figures, isBfloat16, results);
                        }
                    }
                }
            }

            if (parsed.GetValue(json))
            {
                Console.WriteLine(JsonSerializer.Serialize(results));
            }
        });
        return command;
    }

    // A process of its own, whose peak memory is the configuration's.
    private static async Task<TrainingFigures> ProbeAsync(string[] arguments, CancellationToken cancellationToken)
    {
        using var probe = await Child.StartAsync("DistillGrpc.Benchmarks.dll", ["training-probe", .. arguments]);
        cancellationToken.ThrowIfCancellationRequested();
        return JsonSerializer.Deserialize<TrainingFigures>(probe.FirstLine)!;
    }

    private static void Print(TrainingShape shape, TrainingFigures f, bool isBfloat16, List<TrainingFigures> results)
    {
        var (theirs, all) = (f.Both ? shape.HuggingFaceBothSeconds : shape.HuggingFaceSeconds, (TrainingFigures[])[.. results]);
        var theirShare = f.Flops / theirs / TrainingShape.HuggingFacePeak;
        var (median, least) = (f.Median, f.Least);
        Line($"{shape.Name}, {(f.Both ? "both tasks, 16 sequences" : "one task, 8 sequences")}, {(isBfloat16 ? "bfloat16" : "float32")}:");
        Line($"  step      {median.Whole,7:0.000} s median, {least.Whole:0.000} s least; {f.Examples / median.Whole:0.00} examples/s, at best {f.Examples / least.Whole:0.00}");
        Line($"  of it     forward {median.Forward:0.000}, backward {median.Backward:0.000}, optimizer {median.Optimizer:0.000}, data {median.Data:0.0000} (medians, each its own)");
        Line($"  share     {f.Share,7:0.00} of libtorch's float32 product between the steps ({f.Peak / 1e9:0} GFLOP/s; a step's own arithmetic is {f.Flops / 1e9:0} GFLOP)");
        Line($"  HF        {f.Share / theirShare,7:0.00} times its examples by shares of the peak (there {theirShare:0.00} of {TrainingShape.HuggingFacePeak / 1e9:0}); seconds as they are: {theirs / median.Whole:0.00} times, there {theirs} s on another machine");
        Line($"  memory    {f.Memory / 1e9,7:0.00} GB peak, {f.Memory / 1e9 / shape.HuggingFaceMemory:0.00} of the {shape.HuggingFaceMemory} GB that one task's step took there (goal {shape.MemoryGoal}); {f.Before / 1e9:0.00} GB before the model is made");
        if (isBfloat16 && all.FirstOrDefault(other => other.Shape == f.Shape && other.Both == f.Both && other != f) is { } full)
        {
            Line($"  bfloat16  {f.Share / full.Share,7:0.00} times the float32 step's examples by shares of the peak, {full.Median.Whole / median.Whole:0.00} by seconds, {full.Least.Whole / least.Whole:0.00} by the least");
        }
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
