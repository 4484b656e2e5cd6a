using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using Grpc.Core;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>
/// Runs the jobs that wait, the most urgent first, as many at once as the operator allows. The service ends only after its runs: a
/// process that leaves while libtorch works crashes.
/// </summary>
internal sealed class JobRunner(JobStore store, JobRows rows, ModelCatalog catalog, StateDirectory state, StudentOptions options, ILoggerFactory loggers) : IHostedService, IAsyncDisposable
{
    private static readonly TimeSpan StateRetry = TimeSpan.FromSeconds(1);
    private readonly ILogger _logger = loggers.CreateLogger<JobRunner>();
    private readonly Dictionary<string, (JobRun Run, Task Ended)> _running = new(StringComparer.Ordinal);
    private readonly CancellationTokenSource _stopping = new();
    private Task _loop = Task.CompletedTask;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        foreach (var lost in store.Recover())
        {
            new JobFolder(state, lost.Id).Shrink();
        }

        JobFolder.CleanUp(state, store.Ids());
        _loop = LoopAsync();
        return Task.CompletedTask;
    }

    /// <summary>Stops a job, wherever it stands, and waits until it has stopped; gives it as it is then, or null where there is none.</summary>
    /// <param name="id">The job.</param>
    /// <param name="reason"><see cref="JobStop.Pause"/> or <see cref="JobStop.Cancel"/>.</param>
    /// <param name="cancellationToken">Ends the wait; the job stops all the same.</param>
    public async Task<StoredJob?> StopAsync(string id, JobStop reason, CancellationToken cancellationToken)
    {
        Task? ended = null;
        lock (_running)
        {
            if (_running.TryGetValue(id, out var running))
            {
                running.Run.Stop(reason);
                ended = running.Ended;
            }
            else
            {
                return reason == JobStop.Cancel
                    ? store.SetState(id, [TrainingJobState.Queued, TrainingJobState.Paused, TrainingJobState.Failed], TrainingJobState.Cancelled, JobFailure.None)
                    : store.SetState(id, [TrainingJobState.Queued], TrainingJobState.Paused, JobFailure.None);
            }
        }

        await ended.WaitAsync(cancellationToken);
        return store.Find(id);
    }

    public async Task StopAsync(CancellationToken cancellationToken)
    {
        await _stopping.CancelAsync();
        await _loop;
        Task[] left;
        lock (_running)
        {
            foreach (var (run, _) in _running.Values)
            {
                run.Stop(JobStop.Shutdown);
            }

            left = [.. _running.Values.Select(running => running.Ended)];
        }

        await Task.WhenAll(left);
    }

    public async ValueTask DisposeAsync() => await StopAsync(CancellationToken.None);

    private async Task LoopAsync()
    {
        while (!_stopping.IsCancellationRequested)
        {
            var changed = store.Changed.Next;
            try
            {
                while (TryBegin())
                {
                }
            }
            catch (DbException failure)
            {
                StudentLog.StateFailed(_logger, failure);
                await Task.Delay(StateRetry, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                continue;
            }

            await changed.WaitAsync(_stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private bool TryBegin()
    {
        lock (_running)
        {
            if (_running.Count >= options.MaxRuns || _stopping.IsCancellationRequested || store.NextQueued() is not { } next)
            {
                return false;
            }

            if (store.SetState(next.Id, [TrainingJobState.Queued], TrainingJobState.Running, JobFailure.None) is { State: TrainingJobState.Running } job)
            {
                var run = new JobRun(job, store, rows, catalog, state, options, loggers.CreateLogger<JobRun>());
                _running.Add(job.Id, (run, Task.Run(() => RunAsync(job, run))));
            }

            return true;
        }
    }

    private async Task RunAsync(StoredJob job, JobRun run)
    {
        TrainingMetrics.Began();
        var (to, failure) = await OutcomeAsync(job, run);
        TrainingMetrics.Ended(to switch { TrainingJobState.Succeeded => "succeeded", TrainingJobState.Failed => "failed", TrainingJobState.Cancelled => "cancelled", _ => "stopped" });
        await SetStateAsync(job, to, failure);
        lock (_running)
        {
            _running.Remove(job.Id);
        }

        run.Dispose();
        store.Changed.Raise();
    }

    private async Task<(TrainingJobState To, JobFailure Failure)> OutcomeAsync(StoredJob job, JobRun run)
    {
        try
        {
            await run.RunAsync();
            return (TrainingJobState.Succeeded, JobFailure.None);
        }
        catch (Exception) when (run.Stopped == JobStop.Pause)
        {
            return (TrainingJobState.Paused, JobFailure.None);
        }
        catch (Exception) when (run.Stopped == JobStop.Shutdown)
        {
            return job.IsAttached
                ? (TrainingJobState.Cancelled, new JobFailure(0, "CALLER_LOST", "The Student was stopped, and with it the call that the job belonged to.", ""))
                : (TrainingJobState.Queued, new JobFailure(0, "RESTARTED", "The Student was stopped while the job ran.", ""));
        }
        catch (Exception) when (run.Stopped == JobStop.Cancel)
        {
            return (TrainingJobState.Cancelled, JobFailure.None);
        }
        catch (RpcException failure)
        {
            return (TrainingJobState.Failed, JobFailure.Of(failure));
        }
        catch (Exception failure)
        {
            StudentLog.JobFailed(_logger, failure, job.Name);
            return (TrainingJobState.Failed, JobFailure.Of(RpcFailure.Internal()));
        }
    }

    // A full disk may pass; until then the job is RUNNING, and after a restart it runs.
    private async Task SetStateAsync(StoredJob job, TrainingJobState to, JobFailure failure)
    {
        while (true)
        {
            try
            {
                store.SetState(job.Id, [TrainingJobState.Running], to, failure);
                return;
            }
            catch (DbException full) when (!_stopping.IsCancellationRequested)
            {
                StudentLog.StateFailed(_logger, full);
                await Task.Delay(StateRetry, _stopping.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (DbException full)
            {
                StudentLog.StateFailed(_logger, full);
                return;
            }
        }
    }
}
