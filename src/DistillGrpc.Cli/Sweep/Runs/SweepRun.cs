using System.Collections.Concurrent;
using DistillGrpc.Cli.Sweep.Plans;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Net.Client;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>Makes the runs of a sweep that are not there yet.</summary>
internal sealed class SweepRun(SweepPlan plan, ResultFolder folder, SweepRunOptions options, GrpcChannel student, TimeProvider time)
{
    private readonly SweepJobs _jobs = new(new TrainingClient(student), time);
    private readonly ConcurrentDictionary<Cell, TaskCompletionSource<double>> _compute = new();
    private readonly ConcurrentBag<RunResult> _failed = [];
    private readonly SemaphoreSlim _keeping = new(1);
    private (double Accuracy, string Id)? _best;

    /// <summary>The best run's model, where it was to be kept.</summary>
    public string? KeptModel => _best is { } best ? $"models/{best.Id}" : null;

    /// <summary>Makes them, several at once, and keeps what came of each.</summary>
    /// <returns>The results of the runs that have not succeeded.</returns>
    public async Task<IReadOnlyList<RunResult>> RunAsync(CancellationToken cancellationToken)
    {
        var (heldOut, record) = await PrepareAsync(cancellationToken);
        folder.WriteRecord(record);
        var specs = new CellSpecs(plan, heldOut.Dataset.Name);
        var models = new SweepModels(new InferenceClient(student), new ModelClient(student), heldOut);
        Cell[] tuning = [.. SweepCells.Tuning(plan, specs)];
        Cell[] counting = [.. SweepCells.Counting(plan)];
        var progress = new SweepProgress(tuning.Length + counting.Length, options.IsQuiet, time);
        try
        {
            await ForEachAsync(tuning, (cell, token) => EndAsync(
                specs.Of(cell, record.PartOf(cell.Dataset, cell.Fraction), plan.Tuning!.Points[cell.Point!.Value], evaluationDataset: record.DataOf(cell.Dataset).Development!.Dataset), models, progress, token), cancellationToken);
            var choices = TuningChoice.Of(plan, specs, folder.Find).ToDictionary(choice => (choice.Dataset, choice.Student, choice.Labels, choice.Variant), choice => choice.Chosen);
            await ForEachAsync(counting, async (cell, token) =>
            {
                var budget = await BudgetAsync(cell, token);
                var point = choices.GetValueOrDefault((cell.Dataset, cell.Student, cell.Labels, cell.Variant), SpecFields.None);
                var result = await EndAsync(specs.Of(cell, record.PartOf(cell.Dataset, cell.Fraction), point, budget), models, progress, token);
                ComputeOf(cell).TrySetResult(result.StepFlops);
            }, cancellationToken);
        }
        finally
        {
            progress.Clear();
        }

        return [.. _failed.OrderBy(result => result.Cell.Text, StringComparer.Ordinal)];
    }

    private async Task<(HeldOutRows HeldOut, SweepRecord Record)> PrepareAsync(CancellationToken cancellationToken)
    {
        var datasets = new DatasetClient(student);
        var heldOut = await HeldOutRows.ReadAsync(datasets, plan.Evaluation, plan.Spec.ToSpec().Scorer, plan.GroupBy, cancellationToken);
        var division = new DataDivision(datasets, plan, heldOut);
        var data = await plan.Datasets.ToAsyncEnumerable().Select(async (dataset, token) => await division.DivideAsync(dataset, token)).ToListAsync(cancellationToken);
        return (heldOut, new SweepRecord(plan, data, heldOut.Summary(), CommandLine.Text, CommandLine.Software));
    }

    private async Task<RunResult> EndAsync(PlannedRun run, SweepModels models, SweepProgress progress, CancellationToken cancellationToken)
    {
        // One that failed is tried again by whoever begins the sweep again.
        var there = folder.Find(run) is { State: nameof(TrainingJobState.Succeeded) or nameof(TrainingJobState.Cancelled) } result ? result : null;
        var ended = there ?? await Outage.WaitAsync(() => MakeAsync(run, models, progress, cancellationToken), time, cancellationToken);
        await Outage.WaitAsync(() => KeepOrDeleteAsync(run, ended, models, cancellationToken), time, cancellationToken);
        await progress.EndAsync(ended, there is not null);
        if (!ended.HasSucceeded)
        {
            _failed.Add(ended);
        }

        return ended;
    }

    private async Task ForEachAsync(IEnumerable<Cell> cells, Func<Cell, CancellationToken, Task> run, CancellationToken cancellationToken) =>
        await Parallel.ForEachAsync(cells, new ParallelOptions { MaxDegreeOfParallelism = options.Ahead, CancellationToken = cancellationToken }, async (cell, token) =>
        {
            try
            {
                await run(cell, token);
            }
            finally
            {
                ComputeOf(cell).TrySetCanceled(CancellationToken.None);
            }
        });

    // The result is there when the answers are: a sweep that is killed in between asks again.
    private async Task<RunResult> MakeAsync(PlannedRun run, SweepModels models, SweepProgress progress, CancellationToken cancellationToken)
    {
        var result = await _jobs.RunAsync(run, happened => progress.Show(run, happened), cancellationToken);
        folder.DeleteAnswers(run.Cell);
        if (result.HasSucceeded && run.Cell.Point is null && await models.AskAsync(run, cancellationToken) is { } answers)
        {
            folder.Write(run.Cell, answers);
        }

        folder.Write(result);
        return result;
    }

    // 0 where the run has no budget, or whoever would give it never began to train.
    private async Task<double> BudgetAsync(Cell cell, CancellationToken cancellationToken) =>
        plan.Reference is { } reference && plan.HasBudget(plan.Variants.First(variant => variant.Name == cell.Variant))
            ? await ComputeOf(cell with { Variant = reference.Name }).Task.WaitAsync(cancellationToken)
            : 0;

    private TaskCompletionSource<double> ComputeOf(Cell cell) => _compute.GetOrAdd(cell, _ => new TaskCompletionSource<double>(TaskCreationOptions.RunContinuationsAsynchronously));

    // Of equal ones the id decides, so that it is the same one in whatever order the runs end.
    private async Task<string?> KeepOrDeleteAsync(PlannedRun run, RunResult result, SweepModels models, CancellationToken cancellationToken)
    {
        if (options.KeepModels || !result.HasSucceeded)
        {
            return null;
        }

        await _keeping.WaitAsync(cancellationToken);
        try
        {
            (double Accuracy, string Id) own = (result.AtEnd is { } end ? RunResult.Share(end) : -1, run.Id);
            var isBest = options.KeepBest && run.Cell.Point is null
                && (_best is not { } before || own.Accuracy > before.Accuracy || (own.Accuracy == before.Accuracy && string.CompareOrdinal(own.Id, before.Id) < 0));
            // Cells whose parts have the same rows are one job, and have one model: the best one may find itself.
            var worse = isBest ? _best?.Id : _best?.Id == own.Id ? null : own.Id;
            if (worse is not null)
            {
                await models.DeleteAsync(worse, cancellationToken);
            }

            // Only now: asked again after an outage, it is still known what is to be removed.
            _best = isBest ? own : _best;
            return worse;
        }
        finally
        {
            _keeping.Release();
        }
    }
}
