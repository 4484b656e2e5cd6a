using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// The run that a run is compared with: the same rows' labels alone, everything that is not about a rationale or a teacher's numbers as it was.
/// This is the paper's standard finetuning (or task distillation, where the labels are the teacher's) at equal data.
/// </summary>
internal static class BaselineSpec
{
    /// <summary>The spec, or null where there is nothing to compare with, because the run itself is this one or it was not asked for.</summary>
    public static RunSpec? Of(RunSpec run)
    {
        if (run.Source.Report is { SkipBaseline: true } || IsOne(run.Source))
        {
            return null;
        }

        var spec = run.Source.Clone();
        (spec.Mode, spec.SoftLabels, spec.LocalTeacher, spec.Report) = (TrainingMode.LabelOnly, null, null, null);
        (spec.MutualInformation, spec.ExplainedLabelWeight, spec.RationalesPerRow) = (0, 0, 0);
        (spec.ShuffleRationales, spec.TeacherCorrectOnly, spec.PrefixPlacement) = (false, false, PrefixPlacement.Unspecified);
        // With one task there is nothing to weigh; alpha alone would only make its loss smaller.
        spec.ClearWeighting();
        // Evaluated beside the student at the end, and before that only where it decides when the end is.
        spec.EvaluationInterval = spec.EarlyStoppingPatience > 0 ? spec.EvaluationInterval : 0;
        return RunSpec.Check(spec);
    }

    // What else a run of labels may ask for about rationales has no effect on it.
    private static bool IsOne(TrainingSpec spec) => spec is { Mode: TrainingMode.LabelOnly, SoftLabels: null, LocalTeacher: null };
}
