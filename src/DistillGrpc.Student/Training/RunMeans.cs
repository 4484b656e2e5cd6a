using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Training;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Student.Training;

/// <summary>Mean losses since the last event.</summary>
internal sealed class RunMeans
{
    private readonly List<StepOutcome> _steps = [];

    public void Add(StepOutcome step) => _steps.Add(step);

    /// <summary>The event; the means begin anew.</summary>
    public TrainingProgress Take(RunClock clock, int total, double rate)
    {
        var progress = new TrainingProgress
        {
            Step = clock.Steps,
            TotalSteps = total,
            LabelLoss = _steps.Average(step => step[TaskBatch.Label]),
            RationaleLoss = _steps.Average(step => step[TaskBatch.Rationale]),
            Loss = _steps.Average(step => step.Loss),
            LearningRate = rate,
            GradientNorm = _steps[^1].GradientNorm,
            Elapsed = Duration.FromTimeSpan(clock.Elapsed),
            Remaining = Duration.FromTimeSpan(clock.Elapsed / clock.Steps * (total - clock.Steps)),
            Flops = clock.Flops,
            TokensPerSecond = clock.Tokens / Math.Max(clock.Elapsed.TotalSeconds, 1e-9),
        };
        foreach (var name in _steps.SelectMany(step => step.Losses.Keys).Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal))
        {
            // A mean over the steps that had it: a rare kind of row is not in every batch.
            progress.Losses.Add(name, _steps.Where(step => step.Losses.ContainsKey(name)).Average(step => step[name]));
        }

        _steps.Clear();
        clock.Report();
        return progress;
    }
}
