using System.Diagnostics;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training.Jobs;
using Google.Protobuf.WellKnownTypes;
using TorchSharp;

namespace DistillGrpc.Student.Training;

/// <summary>One run on its own thread, from rows to a folder in Hugging Face layout. It begins where its last checkpoint is.</summary>
internal sealed class TrainingRun(
    RunSpec spec, IReadOnlyList<Example> rows, IReadOnlyList<Example> heldOut, RunSources sources, JobCheckpoints checkpoints, Action<TrainingEvent> report, Func<bool> isSuspended, CancellationToken cancellationToken, RowFeed? feed = null)
{
    private const int MaxReturns = 2;
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan CheckpointInterval = TimeSpan.FromMinutes(5);

    private readonly RunClock _clock = new();
    private int _returns;

    /// <summary>What the student that was written has answered to the held-out rows; null where it was not asked, or another one was.</summary>
    public IReadOnlyList<string>? Labels { get; private set; }

    /// <summary>Trains, evaluates and writes the student into a folder.</summary>
    /// <exception cref="Grpc.Core.RpcException">The rows cannot be learnt from.</exception>
    public TrainingResult Run(string directory, int threads)
    {
        FreedMemory.Keep();
        torch.set_num_threads(threads);
        using var dropout = new torch.Generator(unchecked((ulong)spec.Seed));
        T5Dropout.Generator = dropout;
        using var student = new RunStudent(spec, rows, feed?.Inputs ?? [], sources, cancellationToken);
        Train(student);
        var model = student.Model;
        Directory.CreateDirectory(directory);
        model.Model.eval();
        T5Checkpoint.Save(model.Model, directory);
        model.Tokenizer.Save(directory);
        var learnt = feed?.All ?? rows;
        var card = RunTeachers.Complete(spec.Card with { Labels = RunLabels.Of(spec, learnt) }, learnt);
        (card with { Reading = RunReading.Of(model, card, heldOut.Concat(learnt), cancellationToken) }).Write(directory);
        return new TrainingResult
        {
            Steps = _clock.Steps,
            TrainTime = Duration.FromTimeSpan(_clock.Elapsed),
            Flops = _clock.Flops,
            PeakMemoryBytes = Process.GetCurrentProcess().PeakWorkingSet64,
        };
    }

    private void Train(RunStudent student)
    {
        var (model, encoded) = (student.Model, student.Rows);
        var planned = RunFlops.Of(spec, encoded, model.Model.Config, spec.Steps, cancellationToken);
        var extra = planned > 0 ? (int)Math.Max(0, (spec.Source.ComputeBudgetFlops - planned) / planned * spec.Steps) : 0;
        var order = new RunOrder(spec, encoded);
        var progress = new RunProgress(student.Trainer, order, _clock, checkpoints, step => encoded.Add(feed?.GrowTo(step) ?? [], cancellationToken));
        progress.Restore(Refused);
        report(new TrainingEvent
        {
            Started = new TrainingStarted
            {
                LabelRows = encoded.LabelRows,
                RationaleRows = encoded.RationaleRows,
                ExplainedLabelRows = encoded.ExplainedLabelRows,
                SoftLabelRows = encoded.SoftRows,
                UnusedRows = encoded.UnusedRows,
                EvaluationRows = heldOut.Count,
                Parameters = model.Parameters,
                VocabularySize = model.Tokenizer.VocabularySize,
                TruncatedInputs = encoded.TruncatedInputs,
                TruncatedTargets = encoded.TruncatedTargets,
                Steps = spec.Steps + extra,
                Flops = planned,
                StepsMade = _clock.Steps,
            },
        });
        foreach (var warning in _clock.Steps == 0 ? RowWarnings.Of(spec, rows, heldOut) : [])
        {
            report(new TrainingEvent { Warning = warning });
        }

        var evaluation = new RunEvaluation(spec, rows, heldOut, cancellationToken);
        var total = spec.Steps + extra;
        foreach (var (begin, end) in extra > 0 ? [(0, spec.Steps), (spec.Steps, total)] : new[] { (0, spec.Steps) })
        {
            // Checkpoints are written between steps only: a cycle that is over was evaluated.
            while (_clock.Steps < end && !HasStopped(progress))
            {
                Cycle(student, order, progress, evaluation, (begin, end, total));
            }
        }

        Labels = evaluation.Labels;
        if (spec.Source.EarlyStoppingPatience > 0 && progress.Best.Step != _clock.Steps)
        {
            progress.RestoreBest();
            Labels = null;
        }
    }

    // To the cycle's end and its evaluation; or to a loss that is not finite, and back to the last checkpoint.
    private void Cycle(RunStudent student, RunOrder order, RunProgress progress, RunEvaluation evaluation, (int Begin, int End, int Total) cycle)
    {
        var model = student.Model;
        model.Model.train();
        var steps = cycle.End - cycle.Begin;
        var schedule = new LinearSchedule(spec.LearningRate, Math.Min(spec.Source.WarmupSteps, steps), steps);
        var (means, saved) = (new RunMeans(), Stopwatch.GetTimestamp());
        _clock.Start();
        while (_clock.Steps < cycle.End)
        {
            SuspendIfAsked(progress);
            var rate = schedule.At(_clock.Steps - cycle.Begin) * progress.RateFactor;
            if (feed is not null && order.BeginsPass)
            {
                student.Rows.Add(feed.Grow(_clock.Steps), cancellationToken);
            }

            var batches = order.Next();
            if (!TryStep(student.Trainer, batches, rate, means, progress))
            {
                _clock.Stop();
                return;
            }

            TrainingMetrics.Stepped();
            _clock.Add(TrainingFlops.OfStep(model.Model.Config, [.. batches.Select(batch => batch.Rows)]), batches.Sum(batch => batch.Rows.Sum(row => (long)row.Length)));
            if (_clock.SinceReport > ReportInterval || _clock.Steps == cycle.End)
            {
                report(new TrainingEvent { Progress = means.Take(_clock, cycle.Total, rate) });
            }

            if (spec.Source.EvaluationInterval > 0 && _clock.Steps < cycle.End && _clock.Steps % spec.Source.EvaluationInterval == 0)
            {
                Evaluate(model, evaluation, progress);
                if (HasStopped(progress))
                {
                    return;
                }

                model.Model.train();
                _clock.Start();
            }

            if (_clock.Steps < cycle.End && IsCheckpointDue(saved))
            {
                Save(progress);
                saved = Stopwatch.GetTimestamp();
            }
        }

        Evaluate(model, evaluation, progress);
    }

    private bool TryStep(DistillationTrainer trainer, TaskBatch[] batches, double rate, RunMeans means, RunProgress progress)
    {
        var what = "not a finite number";
        try
        {
            var outcome = trainer.Step(batches, rate);
            progress.Guard = progress.Guard.After(outcome.Loss);
            if (!progress.Guard.HasDiverged)
            {
                means.Add(outcome);
                return true;
            }

            what = "more than twice what it was at the beginning";
        }
        catch (ArithmeticException)
        {
            // The parameters are as they were, and useless.
        }

        GoBack(what, progress);
        return false;
    }

    private void GoBack(string what, RunProgress progress)
    {
        var (step, factor) = (_clock.Steps + 1, progress.RateFactor / 2);
        if (_returns++ >= MaxReturns || !progress.Restore(Refused))
        {
            throw RpcFailure.Of(Grpc.Core.StatusCode.Aborted, "TRAINING_DIVERGED", $"The loss was {what} at step {step}; a lower learning rate or clip norm may help.");
        }

        progress.RateFactor = factor;
        Warn("ROLLED_BACK", $"The loss was {what} at step {step}: back to step {_clock.Steps}, and on with {factor:0.###} of the learning rate.");
    }

    private void Evaluate(LoadedModel model, RunEvaluation evaluation, RunProgress progress)
    {
        _clock.Stop();
        if (evaluation.Of(model) is not { } found)
        {
            return;
        }

        (found.Step, found.Flops) = (_clock.Steps, _clock.Flops);
        report(new TrainingEvent { Evaluation = found });
        progress.Best = progress.Best.After(found.Correct, _clock.Steps);
        if (spec.Source.EarlyStoppingPatience > 0 && progress.Best.Since == 0)
        {
            progress.SaveBest();
        }
    }

    private bool HasStopped(RunProgress progress) => spec.Source.EarlyStoppingPatience > 0 && progress.Best.Since >= spec.Source.EarlyStoppingPatience;

    private bool IsCheckpointDue(long saved) =>
        spec.Source.CheckpointInterval > 0 ? _clock.Steps % spec.Source.CheckpointInterval == 0 : Stopwatch.GetElapsedTime(saved) >= CheckpointInterval;

    private void SuspendIfAsked(RunProgress progress)
    {
        if (cancellationToken.IsCancellationRequested)
        {
            if (isSuspended() && _clock.Steps > 0)
            {
                Save(progress);
            }

            cancellationToken.ThrowIfCancellationRequested();
        }
    }

    private void Save(RunProgress progress)
    {
        _clock.Stop();
        try
        {
            report(new TrainingEvent { Checkpoint = new CheckpointWritten { Step = _clock.Steps, Bytes = progress.Save() } });
        }
        catch (IOException full)
        {
            // The one before is still there, and the run need not end for it.
            Warn("CHECKPOINT_FAILED", $"A checkpoint at step {_clock.Steps} could not be written: {full.Message}");
        }

        _clock.Start();
    }

    private void Refused(int step, string why) => Warn("CHECKPOINT_DAMAGED", $"The checkpoint of step {step} cannot be used, an earlier one is: {why}");

    private void Warn(string reason, string message) => report(new TrainingEvent { Warning = new TrainingWarning { Reason = reason, Message = message } });
}
