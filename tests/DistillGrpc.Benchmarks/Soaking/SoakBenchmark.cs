using System.CommandLine;
using System.Globalization;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Benchmarks.Soaking;

/// <summary><c>soak</c>: a Student under everything that callers do, for as long as is wanted; whether what it holds stays the same. Exit code 1 where it does not.</summary>
internal static class SoakBenchmark
{
    private const string Model = "models/soak";
    private const int Quietness = 100;

    public static Command Create()
    {
        var minutes = new Option<double>("--minutes") { Description = "Time under load, in all; a tenth of a minute is the least that says anything.", DefaultValueFactory = _ => 1d / 6 };
        var rounds = new Option<int>("--rounds") { Description = "Quiet moments in which is looked, at least 3; what rises from the second third of them to the last is lost.", DefaultValueFactory = _ => 12 };
        var warmUp = new Option<double>("--warm-up") { Description = "Seconds under load before: memory rises until the allocator's pools are full.", DefaultValueFactory = _ => 25 };
        var seed = new Option<int>("--seed") { DefaultValueFactory = _ => 1 };
        var command = new Command("soak", "Every kind of call, cancels, deadlines, bad rows, hot swaps and connections that come and go, against a Student process.") { minutes, rounds, warmUp, seed };
        command.SetAction((parsed, cancellationToken) =>
            RunAsync(TimeSpan.FromMinutes(parsed.GetValue(minutes)), Math.Max(3, parsed.GetValue(rounds)), TimeSpan.FromSeconds(parsed.GetValue(warmUp)), parsed.GetValue(seed), cancellationToken));
        return command;
    }

    private static async Task<int> RunAsync(TimeSpan time, int rounds, TimeSpan warmUp, int seed, CancellationToken cancellationToken)
    {
        var state = Directory.CreateTempSubdirectory("soak");
        try
        {
            using var student = await Child.StartAsync("DistillGrpc.Student.dll", "--Listen=http://127.0.0.1:0", $"--StateDirectory={state.FullName}", "--PinnedVersionIdle=00:00:00", "--MaxKeptPredictions=1000", "--ResponseCacheBytes=1000000", "--MaxQueue=8");
            await TrainAsync(student.Address, cancellationToken);
            var load = new SoakLoad(student.Address, Model, seed);
            var quiet = new List<SoakFigures>();
            await load.RunAsync(warmUp, -1);
            for (var round = 0; round < rounds; round++)
            {
                await load.RunAsync(time / rounds, round);
                quiet.Add(await QuietAsync(student, cancellationToken));
                Line($"{round + 1,4}: {quiet[^1]}");
            }

            return Conclude(load, SoakFigures.Risen(quiet));
        }
        finally
        {
            state.Delete(recursive: true);
        }
    }

    private static int Conclude(SoakLoad load, IReadOnlyList<string> risen)
    {
        foreach (var (what, count) in load.Outcomes.OrderBy(outcome => outcome.Key, StringComparer.Ordinal))
        {
            Line($"{count,8} {what}");
        }

        foreach (var (what, count) in load.Failures)
        {
            Line($"{count,8} FAILED {what}");
        }

        Line($"{(risen.Count == 0 ? "flat" : $"NOT FLAT: {string.Join(", ", risen)}")}");
        return risen.Count == 0 && load.Failures.Count == 0 ? 0 : 1;
    }

    // Two versions, that there is something to swap.
    private static async Task TrainAsync(Uri address, CancellationToken cancellationToken)
    {
        using var channel = DistillChannel.To(address);
        var rows = Enumerable.Range(0, 20).Select(i => new Example { Id = $"{i}", Label = i % 2 == 0 ? "yes" : "no", Rationale = "It is so.", Segments = { $"Question {i}?" } }).ToArray();
        for (var version = 1; version <= 2; version++)
        {
            await foreach (var _ in new TrainingClient(channel).TrainAsync(new TrainingSpec { ModelId = "soak", Preset = "micro", Steps = 2 }, rows.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>(), cancellationToken: cancellationToken))
            {
            }
        }
    }

    // When what is late has gone: calls that were given up, connections, versions that answer no more.
    private static async Task<SoakFigures> QuietAsync(Child student, CancellationToken cancellationToken)
    {
        using var channel = DistillChannel.To(student.Address);
        var (last, same) = (default(SoakFigures), 0);
        for (var looks = 0; same < 3 && looks < Quietness; looks++)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(50), cancellationToken);
            var process = (await new AdminClient(channel).GetCapacityAsync(cancellationToken)).Process;
            var handles = student.Handles();
            var now = new SoakFigures(process.ResidentBytes, process.ManagedBytes, handles.Count, handles.Count(handle => handle.StartsWith("socket:", StringComparison.Ordinal)), process.Threads);
            same = process.InferenceCalls == 0 && (last?.Handles, last?.Sockets) == (now.Handles, now.Sockets) ? same + 1 : 0;
            last = now;
        }

        return last!;
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
