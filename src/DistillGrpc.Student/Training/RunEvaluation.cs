using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Training;

/// <summary>Has a student answer the held-out rows.</summary>
/// <param name="spec">The run.</param>
/// <param name="rows">The rows that it learns from.</param>
/// <param name="heldOut">The held-out rows.</param>
/// <param name="cancellationToken">Ends the work.</param>
internal sealed class RunEvaluation(RunSpec spec, IReadOnlyList<Example> rows, IReadOnlyList<Example> heldOut, CancellationToken cancellationToken)
{
    private string? _majority;

    /// <summary>The labels that the rows were answered with the last time; null before.</summary>
    public IReadOnlyList<string>? Labels { get; private set; }

    /// <summary>How the rows were answered, without step and operations; null where none are held out. The model is left in evaluation mode.</summary>
    public Evaluation? Of(LoadedModel model)
    {
        if (heldOut.Count == 0)
        {
            return null;
        }

        // By their places: rows may still be added while a run learns.
        _majority ??= LabelMetrics.Majority(Enumerable.Range(0, rows.Count).Select(row => RunRows.LabelOf(spec, rows[row])));
        var answering = model.Answering();
        using var engine = answering.Engine;
        Labels = new StudentAnswers(answering, spec.MaxTargetTokens, cancellationToken).Labels(heldOut);
        return LabelMetrics.Of(spec.Scorer, heldOut, Labels, _majority);
    }
}
