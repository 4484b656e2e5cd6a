using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Json;
using DistillGrpc.Benchmarks.Training;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Benchmarks.Engines;

/// <summary><c>engine</c>: an engine by itself, without a service around it: 128 tokens in, 64 out, greedy, full vocabulary, distinct inputs.</summary>
internal static class EngineBenchmark
{
    private const int InputTokens = 128;

    public static Command Create()
    {
        var shapes = new Option<string>("--shapes") { Description = "Shapes, by commas.", DefaultValueFactory = _ => string.Join(',', TrainingShape.All.Select(shape => shape.Name)) };
        var batches = new Option<string>("--batches") { DefaultValueFactory = _ => "1,16" };
        var precision = new Option<Precision>("--precision") { DefaultValueFactory = _ => Precision.Int8 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2 };
        var seconds = new Option<double>("--seconds") { DefaultValueFactory = _ => 6 };
        var output = new Option<int>("--output-tokens") { DefaultValueFactory = _ => 64 };
        var tiles = new Option<bool>("--tiles") { Description = "Whether bytes are multiplied in tiles (AMX) where there are any.", DefaultValueFactory = _ => true };
        var json = new Option<bool>("--json") { Description = "A line of JSON for each." };
        var command = new Command("engine", "An engine's own speed.") { shapes, batches, precision, threads, seconds, output, tiles, json };
        command.SetAction(parsed =>
        {
            foreach (var shape in parsed.GetValue(shapes)!.Split(',').Select(name => TrainingShape.All.Single(shape => shape.Name == name)))
            {
                using var team = new WorkerTeam(parsed.GetValue(threads));
                using var engine = Engine(shape, parsed.GetValue(precision), team, parsed.GetValue(tiles));
                foreach (var batch in parsed.GetValue(batches)!.Split(',').Select(int.Parse))
                {
                    Print(shape, engine, batch, parsed.GetValue(output), TimeSpan.FromSeconds(parsed.GetValue(seconds)), parsed.GetValue(json));
                }
            }
        });
        return command;
    }

    private static CpuEngine Engine(TrainingShape shape, Precision precision, WorkerTeam team, bool usesTiles)
    {
        using var model = T5Model.Seeded(shape.Config, 1);
        return new CpuEngine(model, precision, team, usesTiles: usesTiles);
    }

    private static void Print(TrainingShape shape, IT5Engine engine, int batch, int tokens, TimeSpan budget, bool isJson)
    {
        var inputs = shape.MakeRows(batch, 0).Select(row => row.Input).ToArray();
        var reading = new List<double>();
        var whole = Times(() => reading.Add(Generate(engine, inputs, tokens)), budget);
        var first = Times(() => Generate(engine, inputs, 1), budget / 2);
        reading.Sort();
        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { shape = shape.Name, engine = engine.Name, batch, request_ms = Median(whole), first_token_ms = Median(first), reading_ms = Median(reading), runs = whole.Count }));
            return;
        }

        Console.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{shape.Name}, {engine.Name}, batch {batch}: {Median(whole):0.0} ms median of {whole.Count} ({whole[0]:0.0} to {whole[^1]:0.0}); reading {Median(reading):0.0}; first token alone {Median(first):0.0}; each further {(Median(whole) - Median(first)) / Math.Max(1, tokens - 1):0.00}"));
    }

    // How long it read, in milliseconds.
    private static double Generate(IT5Engine engine, int[][] inputs, int tokens)
    {
        var started = Stopwatch.GetTimestamp();
        var encodings = engine.Encode(inputs);
        var read = Stopwatch.GetElapsedTime(started).TotalMilliseconds;
        var sequences = encodings.Select(encoding => engine.Start(encoding, tokens)).ToArray();
        var rows = sequences.Select(sequence => new StepRow(sequence, engine.Config.DecoderStartId)).ToArray();
        var logits = new float[rows.Length * engine.Config.VocabularySize];
        for (var i = 0; i < tokens; i++)
        {
            engine.Step(rows, logits);
            for (var row = 0; row < rows.Length; row++)
            {
                var own = logits.AsSpan(row * engine.Config.VocabularySize, engine.Config.VocabularySize);
                // All write as many: the end is never taken.
                own[engine.Config.EosId] = float.NegativeInfinity;
                rows[row] = rows[row] with { Token = System.Numerics.Tensors.TensorPrimitives.IndexOfMax(own) };
            }
        }

        Array.ForEach(sequences, sequence => sequence.Dispose());
        foreach (var encoding in encodings)
        {
            encoding.Dispose();
        }

        return read;
    }

    private static List<double> Times(Action action, TimeSpan budget)
    {
        action();
        var (times, began) = (new List<double>(), Stopwatch.GetTimestamp());
        while (times.Count < 3 || (Stopwatch.GetElapsedTime(began) < budget && times.Count < 1500))
        {
            var started = Stopwatch.GetTimestamp();
            action();
            times.Add(Stopwatch.GetElapsedTime(started).TotalMilliseconds);
        }

        times.Sort();
        return times;
    }

    private static double Median(List<double> sorted) => (sorted[(sorted.Count - 1) / 2] + sorted[sorted.Count / 2]) / 2;
}
