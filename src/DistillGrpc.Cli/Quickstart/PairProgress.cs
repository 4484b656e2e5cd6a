using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Quickstart;

/// <summary>Both runs on one line.</summary>
internal sealed class PairProgress(ProgressLine line)
{
    private readonly Dictionary<string, string> _states = [];
    private readonly Lock _lock = new();

    public void Show(string run, TrainingEvent response)
    {
        lock (_lock)
        {
            switch (response.EventCase)
            {
                case TrainingEvent.EventOneofCase.Teaching:
                    var teaching = response.Teaching;
                    line.Show($"rationales {ProgressLine.Bar((double)teaching.Rows / teaching.TotalRows)} {teaching.Rows}/{teaching.TotalRows}");
                    break;
                case TrainingEvent.EventOneofCase.Progress:
                    var step = response.Progress;
                    var bar = ProgressLine.Bar((double)step.Step / step.TotalSteps);
                    _states[run] = step.Phase is TrainingPhase.Answers or TrainingPhase.Int8 or TrainingPhase.Calibration ? $"{run} held-out rows {bar}" : $"{run} {bar} loss {step.Loss:0.000} ETA {step.Remaining.ToTimeSpan():m\\:ss}";
                    line.Show(string.Join("  ", _states.OrderByDescending(pair => pair.Key, StringComparer.Ordinal).Select(pair => pair.Value)));
                    break;
                case TrainingEvent.EventOneofCase.Warning:
                    line.Clear();
                    Console.Error.WriteLine($"{run}: {response.Warning.Message}");
                    break;
            }
        }
    }
}
