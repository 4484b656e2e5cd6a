using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Rationales;
using Grpc.Core;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Works on all extractions that have work, several at once, from the start of the service until its end.</summary>
internal sealed class ExtractionRunner(
    ExtractionStore extractions, ExtractionInputs inputs, Planner planner, Explainer explainer, TeacherOptions options, TimeProvider time,
    ILogger<ExtractionRunner> logger, ILogger<ExtractionRun> runLogger) : BackgroundService
{
    private static readonly TimeSpan LookInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(1);
    private Task _removal = Task.CompletedTask;
    private readonly Dictionary<string, Task> _running = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Outage> _outages = new(StringComparer.Ordinal);
    private readonly Dictionary<string, (int Failures, DateTimeOffset Since, DateTimeOffset NotBefore)> _waiting = new(StringComparer.Ordinal);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // The host starts the next service only when this one has first given way.
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            var changed = extractions.Changed.Next;
            try
            {
                await LookAsync(stoppingToken);
                await Task.WhenAny(changed, Task.Delay(LookInterval, time, stoppingToken));
            }
            catch (DbException unreadable)
            {
                TeacherLog.StateFailed(logger, unreadable);
                await Task.Delay(LookInterval, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                break;
            }
        }

        await Task.WhenAll([.. _running.Values, _removal]);
    }

    private async Task LookAsync(CancellationToken stopping)
    {
        foreach (var (id, _) in _running.Where(run => run.Value.IsCompleted).ToArray())
        {
            _running.Remove(id);
        }

        if (_removal.IsCompleted)
        {
            _removal = RemoveAsync(await extractions.HalfDeletedAsync(stopping), stopping);
        }

        var runnable = await extractions.RunnableAsync(stopping);
        Forget([.. runnable.Select(extraction => extraction.Id)]);
        foreach (var extraction in runnable)
        {
            if (_running.Count < options.MaxExtractions && !_running.ContainsKey(extraction.Id) && !IsWaiting(extraction))
            {
                _running.Add(extraction.Id, RunAsync(extraction, stopping));
            }
        }

        // Changes come by the thousand while rows are written.
        await Task.Delay(TimeSpan.FromMilliseconds(20), time, stopping);
    }

    private async Task RunAsync(StoredExtraction extraction, CancellationToken stopping)
    {
        await Task.Yield();
        try
        {
            var plan = planner.Of(extraction.Spec.Rationales, DateTimeOffset.MaxValue, "spec.rationales", extraction.Name);
            var run = new ExtractionRun(extraction, plan, OutageOf(extraction.Id), extractions, inputs, explainer, options, time, runLogger);
            var halt = await run.RunAsync(stopping);
            await SettleAsync(extraction, halt, run.Rows);
        }
        catch (RpcException refused)
        {
            await RefuseAsync(extraction, refused.Status.Detail);
        }
        catch (Exception failure)
        {
            TeacherLog.StateFailed(logger, failure);
            Wait(extraction.Id, 0);
        }
    }

    // The teacher or the prompt is not configured here; another replica may have it.
    private async Task RefuseAsync(StoredExtraction extraction, string detail)
    {
        if (extractions.IsShared)
        {
            TeacherLog.SpecRefused(logger, extraction.Name, detail);
            Wait(extraction.Id, 0);
        }
        else
        {
            await extractions.HaltAsync(extraction, new Halt(ExtractionState.Failed, "SPEC_REFUSED", detail));
        }
    }

    // Those whose removal was interrupted; beside all else, since it takes its time.
    private async Task RemoveAsync(IReadOnlyList<string> ids, CancellationToken stopping)
    {
        try
        {
            foreach (var id in ids)
            {
                await extractions.DeleteAsync(id, stopping);
            }
        }
        catch (Exception failure) when (failure is DbException or OperationCanceledException)
        {
            // The next look tries again.
        }
    }

    private async Task SettleAsync(StoredExtraction extraction, Halt? halt, int rows)
    {
        if (halt is not null && halt != Halt.Stopped)
        {
            await extractions.HaltAsync(extraction, halt);
        }

        if (halt is { State: ExtractionState.Running })
        {
            Wait(extraction.Id, rows);
        }
    }

    private void Forget(HashSet<string> known)
    {
        lock (_waiting)
        {
            foreach (var id in _waiting.Keys.Union(_outages.Keys).Except(known).Except(_running.Keys).ToArray())
            {
                _waiting.Remove(id);
                _outages.Remove(id);
            }
        }
    }

    private Outage OutageOf(string id)
    {
        lock (_waiting)
        {
            return _outages.TryGetValue(id, out var outage) ? outage : _outages[id] = new Outage(options.OutagePatience, time);
        }
    }

    // Whoever resumes it need not wait.
    private bool IsWaiting(StoredExtraction extraction)
    {
        lock (_waiting)
        {
            return _waiting.TryGetValue(extraction.Id, out var wait) && wait.NotBefore > time.GetUtcNow() && wait.Since >= extraction.Updated;
        }
    }

    // Longer each time that nothing got through.
    private void Wait(string id, int rows)
    {
        lock (_waiting)
        {
            var failures = rows > 0 ? 0 : Math.Min(_waiting.GetValueOrDefault(id).Failures + 1, 10);
            var wait = TimeSpan.FromSeconds(Math.Min(LongestWait.TotalSeconds, Math.Pow(2, failures)));
            _waiting[id] = (failures, time.GetUtcNow(), time.GetUtcNow() + wait);
        }
    }
}
