using System.Diagnostics;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using Google.Protobuf.WellKnownTypes;
using TorchSharp;

namespace DistillGrpc.Student.Training;

/// <summary>
/// Finds out what a run would learn from and what it would take, by making its student and its first steps. What the steps need is measured, since no
/// count of operations says how fast this machine is now. Runs on a thread of its own, as training does.
/// </summary>
/// <param name="spec">The run.</param>
/// <param name="rows">The rows that there are.</param>
/// <param name="heldOut">The held-out rows.</param>
/// <param name="sources">What it begins with.</param>
/// <param name="cancellationToken">Ends the work.</param>
internal sealed class RunValidation(RunSpec spec, IReadOnlyList<Example> rows, IReadOnlyList<Example> heldOut, RunSources sources, CancellationToken cancellationToken)
{
    private const int MaxLabels = 100;
    private const int CountedSteps = 2000;
    private const int TriedSteps = 4;
    private static readonly TimeSpan SampleInterval = TimeSpan.FromMilliseconds(5);

    /// <summary>Makes them.</summary>
    /// <param name="threads">Threads of a run.</param>
    /// <exception cref="Grpc.Core.RpcException">The rows cannot be learnt from, or the models do not fit.</exception>
    public TrainingValidation Run(int threads)
    {
        var validation = new TrainingValidation { Rows = rows.Count, EvaluationRows = heldOut.Count, RowsToTeach = spec.Source.Teacher is null ? 0 : rows.Count(row => RunRows.NeedsTeacher(spec, row)) };
        validation.Warnings.AddRange(RowWarnings.Of(spec, rows, heldOut));
        AddLabels(validation);
        if (rows.Count == 0)
        {
            return validation;
        }

        torch.set_num_threads(threads);
        using var dropout = new torch.Generator(unchecked((ulong)spec.Seed));
        T5Dropout.Generator = dropout;
        var before = Environment.WorkingSet;
        using var student = new RunStudent(spec, rows, [], sources, cancellationToken);
        Describe(validation, student);
        validation.Flops = RunFlops.Of(spec, student.Rows, student.Model.Model.Config, CountedSteps, cancellationToken);
        Try(validation, student, before);
        return validation;
    }

    private void AddLabels(TrainingValidation validation)
    {
        var counts = rows.Select(row => RunRows.LabelOf(spec, row)).Where(label => label.Length > 0).CountBy(label => label).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).ToArray();
        validation.DistinctLabels = counts.Length;
        validation.Labels.AddRange(counts.Take(MaxLabels).Select(pair => new LabelCount { Label = pair.Key, Rows = pair.Value }));
    }

    private static void Describe(TrainingValidation validation, RunStudent student)
    {
        var encoded = student.Rows;
        (validation.LabelRows, validation.RationaleRows) = (encoded.LabelRows, encoded.RationaleRows);
        (validation.TruncatedInputs, validation.TruncatedTargets) = (encoded.TruncatedInputs, encoded.TruncatedTargets);
        (validation.Parameters, validation.VocabularySize) = (student.Model.Parameters, student.Model.Tokenizer.VocabularySize);
        (validation.Inputs, validation.LabelTargets, validation.RationaleTargets) = (encoded.InputLengths.Summarize(), encoded.LabelLengths.Summarize(), encoded.RationaleLengths.Summarize());
    }

    // The first step warms up; the time of the others is spread over all steps by their operations.
    private void Try(TrainingValidation validation, RunStudent student, long before)
    {
        var (order, flops, spent, config) = (new RunOrder(spec, student.Rows), 0.0, TimeSpan.Zero, student.Model.Model.Config);
        using var memory = new PeakMemory(SampleInterval);
        student.Model.Model.train();
        for (var step = 0; step < Math.Min(TriedSteps, Math.Max(2, spec.Steps)); step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            var (batches, started) = (order.Next(), Stopwatch.GetTimestamp());
            try
            {
                student.Trainer.Step(batches, spec.LearningRate / spec.Steps);
            }
            catch (ArithmeticException)
            {
                validation.Warnings.Add(new TrainingWarning { Reason = "TRAINING_DIVERGES", Message = $"The loss was not a finite number at step {step + 1}." });
                return;
            }

            if (step > 0)
            {
                (flops, spent) = (flops + TrainingFlops.OfStep(config, [.. batches.Select(batch => batch.Rows)]), spent + Stopwatch.GetElapsedTime(started));
            }
        }

        validation.Time = Duration.FromTimeSpan(spent * (validation.Flops / flops));
        // What freed memory an earlier run has left to the process is used again, and not seen.
        var least = student.Model.Parameters * sizeof(float) * 2;
        validation.MemoryBytes = Math.Max(memory.Stop() - before, least);
    }
}
