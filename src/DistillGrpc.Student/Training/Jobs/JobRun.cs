using System.Diagnostics;
using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>A job while it runs: rows are brought together, a student learns, the model is put into its place.</summary>
internal sealed class JobRun(StoredJob job, JobStore store, JobRows rows, ModelCatalog catalog, StateDirectory state, StudentOptions options, ILogger<JobRun> logger) : IDisposable
{
    private static readonly ActivitySource Activities = new("DistillGrpc.Student");
    private readonly CancellationTokenSource _stop = new();
    private int _reason;
    private IReadOnlyList<string>? _labels;

    /// <summary>Why it is to stop before its end.</summary>
    public JobStop Stopped => (JobStop)Volatile.Read(ref _reason);

    /// <summary>Has it stop within a step; the first reason counts, but for a cancellation.</summary>
    public void Stop(JobStop reason)
    {
        if (reason == JobStop.Cancel)
        {
            Volatile.Write(ref _reason, (int)reason);
        }
        else
        {
            Interlocked.CompareExchange(ref _reason, (int)reason, (int)JobStop.None);
        }

        _stop.Cancel();
    }

    /// <summary>Runs to the end.</summary>
    /// <exception cref="OperationCanceledException">It was stopped.</exception>
    /// <exception cref="Grpc.Core.RpcException">It cannot go on.</exception>
    public async Task RunAsync()
    {
        // One trace from the caller over the Teacher to the backend, also when the call is long over.
        using var activity = Activities.StartActivity("train", ActivityKind.Internal, job.Trace);
        var (spec, folder) = (RunSpec.Check(job.Spec), new JobFolder(state, job.Id).Create());
        await catalog.Loaded.WaitAsync(_stop.Token);
        var baseModel = spec.Source.BaseModel.Length > 0 ? catalog.Find(spec.Source.BaseModel, "spec.base_model") : null;
        baseModel?.RequireLoaded();
        var local = spec.Local is { } named ? catalog.Find(named.Model, "spec.local_teacher.model") : null;
        local?.RequireLoaded();
        if (await FinishedBeforeAsync(spec, folder) is { } made)
        {
            await ReportAsync(new TrainingEvent { Result = made });
            return;
        }

        var (heldOut, grouping) = (await rows.HeldOutAsync(spec, folder, ReportAsync, _stop.Token), rows.Grouping(spec));
        var sources = new RunSources(baseModel?.Directory, local?.Directory);
        var (dataset, learnt, result) = spec.Source.Teacher is { StartAfterRows: > 0 and var first }
            ? await LearnWhileRowsArriveAsync(spec, first, heldOut, sources, folder)
            : await LearnAsync(spec, heldOut, sources, folder);
        if (heldOut.Count > 0 && result.Report is null)
        {
            var record = RunRecord.Of(job.Spec, dataset.Dataset.Name, learnt, options.TrainingThreads);
            result.Report = await OnThreadAsync(report =>
                new RunReport(new RunPhases(spec, learnt, heldOut, grouping, baseModel?.Directory, folder, state, options, report, IsSuspended, _stop.Token), result, record, _labels, logger).Make());
            folder.Result = result;
        }

        if (result.Report is { } known)
        {
            ReportFile.Write(folder.Student, known);
        }

        ModelFolder.WriteLineage(folder.Student, Lineage(spec, baseModel, dataset, result));
        result.Model = await catalog.InstallAsync(spec.ModelId, folder.Student, spec.Alias);
        await ReportAsync(new TrainingEvent { Result = result });
    }

    public void Dispose() => _stop.Dispose();

    private async Task<(StoredDataset Dataset, IReadOnlyList<Example> Rows, TrainingResult Result)> LearnAsync(RunSpec spec, IReadOnlyList<Example> heldOut, RunSources sources, JobFolder folder)
    {
        var (dataset, learnt, taught) = await rows.CollectAsync(job, spec, folder, ReportAsync, _stop.Token);
        return (dataset, learnt, folder.Result ?? await TrainAsync(spec, learnt, heldOut, sources, folder, null, () => taught));
    }

    private async Task<(StoredDataset Dataset, IReadOnlyList<Example> Rows, TrainingResult Result)> LearnWhileRowsArriveAsync(
        RunSpec spec, int first, IReadOnlyList<Example> heldOut, RunSources sources, JobFolder folder)
    {
        using var feed = new RowFeed(folder, first);
        using var enough = CancellationTokenSource.CreateLinkedTokenSource(_stop.Token);
        var arriving = folder.Result is null ? ArriveAsync(spec, folder, feed, enough.Token) : Task.FromResult(0);
        await Task.WhenAny(feed.Ready, arriving);
        if (!feed.Ready.IsCompleted)
        {
            // Before there is enough to begin with, a Teacher that is lost ends the run.
            await arriving;
        }

        try
        {
            var result = folder.Result ?? await TrainAsync(spec, feed.Start(), heldOut, sources, folder, feed, () => arriving.IsCompletedSuccessfully ? arriving.Result : 0);
            await EndAsync();
            return (rows.Keep(job, folder, feed.All), feed.All, result);
        }
        finally
        {
            await EndAsync();
        }

        // However the run ends, nobody is asked for more rows then.
        async Task EndAsync()
        {
            await enough.CancelAsync();
            await ((Task)arriving).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task<int> ArriveAsync(RunSpec spec, JobFolder folder, RowFeed feed, CancellationToken cancellationToken)
    {
        try
        {
            var taught = await rows.FeedAsync(spec, folder, feed, ReportAsync, cancellationToken);
            feed.Complete();
            return taught;
        }
        catch (Exception lost) when (feed.Ready.IsCompleted && !cancellationToken.IsCancellationRequested)
        {
            StudentLog.TeacherLost(logger, lost);
            await ReportAsync(new TrainingEvent { Warning = new TrainingWarning { Reason = "TEACHER_LOST", Message = $"No more rows come: {(lost as Grpc.Core.RpcException)?.Status.Detail ?? "the log says why"} Training goes on with what there is." } });
            return 0;
        }
    }

    private bool IsSuspended() => Stopped is JobStop.Pause or JobStop.Shutdown;

    // The process may have ended between the model's installation and the news of it.
    private async Task<TrainingResult?> FinishedBeforeAsync(RunSpec spec, JobFolder folder)
    {
        if (job.Resumptions == 0 || catalog.MadeBy(spec.ModelId, job.Name) is not { } number)
        {
            return null;
        }

        await catalog.SetAliasAsync(spec.ModelId, spec.Alias, number);
        var result = folder.LastResult ?? new TrainingResult { Steps = store.Last(job.Id, TrainingEvent.EventOneofCase.Progress)?.Progress.Step ?? 0 };
        result.Model = ModelName.Of(spec.ModelId, number);
        return result;
    }

    private ModelLineage Lineage(RunSpec spec, ServedModel? baseModel, StoredDataset dataset, TrainingResult result)
    {
        var evaluation = result.Report?.Evaluation ?? store.Last(job.Id, TrainingEvent.EventOneofCase.Evaluation)?.Evaluation;
        return new ModelLineage
        {
            Job = job.Name,
            BaseModel = baseModel?.Name ?? "",
            Preset = spec.Source.Preset,
            Dataset = dataset.Dataset.Name,
            Rows = dataset.Dataset.Rows,
            Steps = result.Steps,
            Seed = spec.Source.Seed,
            EvaluationRows = evaluation?.Examples ?? 0,
            EvaluationCorrect = evaluation?.Correct ?? 0,
            Software = { RunSoftware.Names.ToDictionary() },
        };
    }

    // What has learnt is kept before anything else is made of it: whatever happens then, it is not learnt again.
    private async Task<TrainingResult> TrainAsync(RunSpec spec, IReadOnlyList<Example> learnt, IReadOnlyList<Example> heldOut, RunSources sources, JobFolder folder, RowFeed? feed, Func<int> taught)
    {
        var finished = Path.Combine(state.Folder("unfinished"), $"{job.Id}.{Guid.NewGuid():n}");
        try
        {
            var checkpoints = new JobCheckpoints(folder.Checkpoints, options.KeptCheckpoints);
            var result = await OnThreadAsync(report =>
            {
                var run = new TrainingRun(spec, learnt, heldOut, sources, checkpoints, report, IsSuspended, _stop.Token, feed);
                var made = run.Run(finished, options.TrainingThreads);
                _labels = run.Labels;
                return made;
            });
            result.TeacherRows = taught();
            folder.Keep(finished, result);
            return result;
        }
        finally
        {
            if (Directory.Exists(finished))
            {
                Directory.Delete(finished, recursive: true);
            }
        }
    }

    // The run has a thread of its own: tensors' scopes must not cross an await. The disk does not hold it up.
    private async Task<T> OnThreadAsync<T>(Func<Action<TrainingEvent>, T> work)
    {
        var events = Channel.CreateUnbounded<TrainingEvent>();
        var done = OwnThread.RunAsync($"train {job.Id}", () =>
        {
            try
            {
                return work(happened => events.Writer.TryWrite(happened));
            }
            finally
            {
                events.Writer.Complete();
            }
        });
        await foreach (var happened in events.Reader.ReadAllAsync(CancellationToken.None))
        {
            await ReportAsync(happened);
        }

        return await done;
    }

    private ValueTask ReportAsync(TrainingEvent happened)
    {
        try
        {
            store.Append(job.Id, happened);
        }
        catch (System.Data.Common.DbException full)
        {
            // What was learnt is worth more than the news of it.
            StudentLog.EventLost(logger, full, job.Name);
        }

        return ValueTask.CompletedTask;
    }
}
