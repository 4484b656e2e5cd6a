using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>How far a sweep is: a line that is written over on a terminal, else a line for every run that has ended.</summary>
internal sealed class SweepProgress(int total, bool isQuiet, TimeProvider time)
{
    private const int ShownRuns = 2;

    // A line that is longer than the terminal is wide cannot be written over.
    private const int MostLetters = 118;
    private readonly ProgressLine _line = new();
    private readonly Dictionary<string, TrainingProgress> _running = [];
    private readonly Lock _lock = new();
    private readonly long _start = time.GetTimestamp();
    private int _done;
    private int _made;

    public void Show(PlannedRun run, TrainingEvent happened)
    {
        if (happened.Progress is { } progress)
        {
            lock (_lock)
            {
                _running[run.Cell.Text] = progress;
                Show();
            }
        }
    }

    /// <summary>A run has ended.</summary>
    /// <param name="result">What came of it.</param>
    /// <param name="wasThere">It had ended before the sweep was begun anew: it says nothing of the time that the others will take.</param>
    public async Task EndAsync(RunResult result, bool wasThere)
    {
        string line;
        lock (_lock)
        {
            _running.Remove(result.Cell.Text);
            _done++;
            _made += wasThere ? 0 : 1;
            line = $"{_done}/{total} {result.Cell.Text}: {Text(result)}";
            Show();
        }

        if (!wasThere && !isQuiet && (Console.IsOutputRedirected || Console.IsErrorRedirected || !result.HasSucceeded))
        {
            _line.Clear();
            await Console.Out.WriteLineAsync(line);
        }
    }

    public void Clear() => _line.Clear();

    private static string Text(RunResult result)
    {
        if (!result.HasSucceeded)
        {
            return $"{result.State} ({result.Reason}{(result.Message.Length > 0 ? $": {result.Message}" : "")})";
        }

        var right = result.AtEnd is { } end ? $"{end.Correct} of {end.Examples} right, " : "";
        return string.Create(CultureInfo.InvariantCulture, $"{right}{result.Steps} steps in {result.Seconds:0.0} s");
    }

    private void Show()
    {
        var each = _running.OrderByDescending(run => (double)run.Value.Step / Math.Max(1, run.Value.TotalSteps)).Take(ShownRuns).Select(run => $"{run.Key} {100.0 * run.Value.Step / Math.Max(1, run.Value.TotalSteps):0}%");
        var eta = _made > 0 ? $" ETA {time.GetElapsedTime(_start) / _made * (total - _done):d\\.hh\\:mm\\:ss}" : "";
        var line = $"{ProgressLine.Bar((double)_done / total)} {_done}/{total} runs{eta}, {_running.Count} running: {string.Join("; ", each)}";
        _line.Show(line.Length > MostLetters ? line[..MostLetters] : line);
    }
}
