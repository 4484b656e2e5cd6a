using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Student.Training;

/// <summary>The work of a run, counted before it is done: the order of its rows is known from the seed.</summary>
internal static class RunFlops
{
    /// <summary>Floating point operations of all its steps.</summary>
    /// <param name="spec">The run.</param>
    /// <param name="rows">Its rows.</param>
    /// <param name="config">The student's shape.</param>
    /// <param name="most">Steps that are counted; those beyond are taken to be like them.</param>
    /// <param name="cancellationToken">Ends the counting.</param>
    public static double Of(RunSpec spec, RunRows rows, T5Config config, int most, CancellationToken cancellationToken)
    {
        var (order, flops, steps) = (new RunOrder(spec, rows), 0.0, Math.Min(spec.Steps, most));
        for (var step = 0; step < steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            flops += TrainingFlops.OfStep(config, [.. order.Next().Select(batch => batch.Rows)]);
        }

        return flops / steps * spec.Steps;
    }
}
