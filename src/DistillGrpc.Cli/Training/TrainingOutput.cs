using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Training;

/// <summary>A training's events as people see them: what passes on one line that is written over, what stays on lines of its own. As JSON every event is a line.</summary>
internal sealed class TrainingOutput(bool isJson)
{
    private readonly ProgressLine _line = new();
    private TrainingStateChange _state = new();

    public async Task ShowAsync(TrainingEvent happened)
    {
        _state = happened.State ?? _state;
        if (isJson)
        {
            Console.WriteLine(ProtoJson.Text(happened));
            return;
        }

        switch (happened.EventCase)
        {
            case TrainingEvent.EventOneofCase.Teaching:
                _line.Show($"rationales {ProgressLine.Bar((double)happened.Teaching.Rows / Math.Max(1, happened.Teaching.TotalRows))}");
                break;
            case TrainingEvent.EventOneofCase.Progress:
                _line.Show(Text(happened.Progress));
                break;
            case TrainingEvent.EventOneofCase.Started when happened.Started is { StepsMade: > 0 }:
                Say($"goes on after step {happened.Started.StepsMade}");
                break;
            case TrainingEvent.EventOneofCase.Evaluation:
                Say($"{Name(happened.Evaluation.Phase)}step {happened.Evaluation.Step}: {happened.Evaluation.Correct} of {happened.Evaluation.Examples} right");
                break;
            case TrainingEvent.EventOneofCase.Result:
                Say(string.Create(CultureInfo.InvariantCulture, $"{happened.Result.Model}: {happened.Result.Steps} steps in {happened.Result.TrainTime?.ToTimeSpan().TotalSeconds ?? 0:0.0} s"));
                break;
            case TrainingEvent.EventOneofCase.State when _state.State == TrainingJobState.Paused:
                Say("paused");
                break;
            case TrainingEvent.EventOneofCase.Warning:
                _line.Clear();
                await Console.Error.WriteLineAsync(happened.Warning.Message);
                break;
        }
    }

    /// <summary>Ends a watch that has seen the last event.</summary>
    /// <exception cref="InvalidDataException">The job has made no model.</exception>
    public void ThrowIfNotSucceeded(string job)
    {
        _line.Clear();
        if (_state.State is not TrainingJobState.Succeeded)
        {
            throw new InvalidDataException($"{job} is {_state.State}{(_state.Reason.Length > 0 ? $": {_state.Message} ({_state.Reason})" : ".")}");
        }
    }

    /// <summary>What is done in a phase, in front of its steps; of the student itself nothing is said.</summary>
    public static string Name(TrainingPhase phase) => phase switch
    {
        TrainingPhase.Unspecified => "",
        TrainingPhase.Baseline => "label-only baseline, ",
        TrainingPhase.Answers => "held-out rows, ",
        TrainingPhase.Reader => "reader of rationales, ",
        TrainingPhase.Int8 => "int8 beside float32, ",
        TrainingPhase.Calibration => "calibration, ",
        _ => $"{phase}, ",
    };

    private static string Text(TrainingProgress at) => at.Phase is TrainingPhase.Answers or TrainingPhase.Int8 or TrainingPhase.Calibration ? $"{Name(at.Phase)}{ProgressLine.Bar((double)at.Step / at.TotalSteps)}" : string.Create(
        CultureInfo.InvariantCulture,
        $"{Name(at.Phase)}{ProgressLine.Bar((double)at.Step / at.TotalSteps)} step {at.Step} loss {at.Loss:0.000}{(at.RationaleLoss > 0 ? $" (label {at.LabelLoss:0.000}, rationale {at.RationaleLoss:0.000})" : "")} {at.TokensPerSecond:0} tokens/s ETA {ProgressLine.Left(at.Remaining.ToTimeSpan())}");

    private void Say(string text)
    {
        _line.Clear();
        Console.WriteLine(text);
    }
}
