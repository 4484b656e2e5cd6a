using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using DistillGrpc.Benchmarks.Machine;

namespace DistillGrpc.Benchmarks.Serving;

/// <summary><c>serving</c>: a Student through gRPC beside the engine to beat, in turn, and the memory's speed between them.</summary>
internal static class ServingBenchmark
{
    // More than any cache holds.
    private const int ReadMegaBytes = 512;

    public static Command Create()
    {
        var peer = new Option<string>("--peer") { Description = "The peer's program; left out where it is not there.", DefaultValueFactory = _ => Path.Combine("..", "shared", "peers", "run") };
        var shapes = new Option<string>("--shapes") { Description = "Shapes, by commas.", DefaultValueFactory = _ => "t5-small,flan-t5-base" };
        var batches = new Option<string>("--batches") { Description = "Requests that begin together, by commas.", DefaultValueFactory = _ => "1,16" };
        var float32 = new Option<bool>("--float32") { Description = "Also with weights in float32." };
        var rounds = new Option<int>("--rounds") { Description = "Rounds; in each the peer and then ours is measured.", DefaultValueFactory = _ => 5 };
        var seconds = new Option<double>("--seconds") { Description = "Of each measurement.", DefaultValueFactory = _ => 6 };
        var warmUp = new Option<int>("--warm-up") { Description = "Batches of ours before each measurement that do not count.", DefaultValueFactory = _ => 8 };
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2 };
        var json = new Option<bool>("--json") { Description = "One JSON object instead of text." };
        var command = new Command("serving", "A Student through gRPC beside the engine to beat: 128 tokens in, 64 out, distinct inputs, random weights.") { peer, shapes, batches, float32, rounds, seconds, warmUp, threads, json };
        command.SetAction((parsed, cancellationToken) =>
        {
            bool[] precisions = parsed.GetValue(float32) ? [true, false] : [true];
            ServingCell[] cells =
            [
                .. from isInt8 in precisions
                   from shape in parsed.GetValue(shapes)!.Split(',')
                   from batch in parsed.GetValue(batches)!.Split(',')
                   select new ServingCell(shape, int.Parse(batch, CultureInfo.InvariantCulture), isInt8),
            ];
            return RunAsync(
                cells, parsed.GetValue(rounds), parsed.GetValue(threads), new PeerRun(parsed.GetValue(peer)!, parsed.GetValue(threads), parsed.GetValue(seconds)),
                new ServedRun(parsed.GetValue(threads), parsed.GetValue(seconds), parsed.GetValue(warmUp)), parsed.GetValue(json), cancellationToken);
        });
        return command;
    }

    private static async Task RunAsync(ServingCell[] cells, int rounds, int threads, PeerRun peer, ServedRun served, bool isJson, CancellationToken cancellationToken)
    {
        var measured = cells.Select(_ => new List<(ServingTimes Ours, ServingTimes? Peer)>()).ToArray();
        var reads = new List<double>();
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < cells.Length; i++)
            {
                reads.Add(MachineBenchmark.Read(ReadMegaBytes, threads));
                var theirs = await peer.MeasureAsync(cells[i], cancellationToken);
                measured[i].Add((await served.MeasureAsync(cells[i], cancellationToken), theirs));
                Progress($"round {round + 1} of {rounds}: {cells[i]}: {Text(measured[i][^1].Ours)}{(theirs is null ? "" : $", peer {Text(theirs)}")}");
            }
        }

        var figures = cells.Select((cell, i) => ServingFigures.Of(cell, measured[i])).ToArray();
        if (isJson)
        {
            Console.WriteLine(JsonSerializer.Serialize(new { threads, read_bytes_per_second = ServingFigures.Median(reads), peer_missing = peer.Missing, figures }));
            return;
        }

        Line($"{threads} threads; reading {ReadMegaBytes} MB: {ServingFigures.Median(reads) / 1e9:0.0} GB/s ({reads.Min() / 1e9:0.0} to {reads.Max() / 1e9:0.0}); medians of {rounds} round(s), milliseconds");
        if (peer.Missing is { } missing)
        {
            Line($"peer left out: {missing}");
        }

        Array.ForEach(figures, Print);
    }

    private static void Print(ServingFigures figures)
    {
        Line($"{figures.Cell}:");
        Line($"  request      {figures.Ours.RequestMs,9:0.0}{Beside(figures.Peer?.RequestMs, figures.RequestRatio)}");
        Line($"  first token  {figures.Ours.FirstTokenMs,9:0.0}{Beside(figures.Peer?.FirstTokenMs, figures.FirstTokenRatio)}");
    }

    private static string Beside(double? theirs, double? ratio) => theirs is null ? "" : string.Create(CultureInfo.InvariantCulture, $"   peer {theirs,9:0.0}   {ratio:0.00} times as fast");

    private static string Text(ServingTimes times) => string.Create(CultureInfo.InvariantCulture, $"{times.RequestMs:0.0} ms ({times.FirstTokenMs:0.0})");

    private static void Progress(string text) => Console.Error.WriteLine(text);

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
