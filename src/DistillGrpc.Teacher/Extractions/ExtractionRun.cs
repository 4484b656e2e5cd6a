using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Quality;
using DistillGrpc.Teacher.Rationales;
using Grpc.Core;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Works on an extraction until there is nothing more to take, or a reason to stop.</summary>
internal sealed class ExtractionRun(
    StoredExtraction extraction, ExplainPlan plan, Outage outage, ExtractionStore extractions, ExtractionInputs inputs, Explainer explainer, TeacherOptions options, TimeProvider time, ILogger<ExtractionRun> logger)
{
    private const int MostTooDear = 1000;
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(500);
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);
    private readonly string _id = extraction.Id;
    private readonly CancellationTokenSource _cancelled = new();
    private readonly SemaphoreSlim _places = new(plan.InputsInFlight ?? options.MaxInputsInFlight);
    private readonly HashSet<Task> _underWay = [];
    private Halt? _halt;
    private Halt? _outOfBudget;
    private int _tooDear;
    private int _rows;
    private int _isTroubled = extraction.Reason.Length > 0 ? 1 : 0;

    /// <summary>Rows that were written.</summary>
    public int Rows => _rows;

    /// <summary>Works. Calls that are under way when it is to stop are finished: they are paid for.</summary>
    /// <returns>Why it stopped; null where nothing is left to take.</returns>
    public async Task<Halt?> RunAsync(CancellationToken stopping)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        var looking = LookAsync(ended.Token);
        try
        {
            await TakeAllAsync(stopping);
            await FinishAsync(stopping);
            _halt ??= _outOfBudget;
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            await FinishAsync(stopping);
            _halt = Halt.Stopped;
        }
        finally
        {
            await ended.CancelAsync();
            await looking;
            await inputs.ReleaseAsync(_id);
        }

        return _halt;
    }

    private async Task TakeAllAsync(CancellationToken stopping)
    {
        while (_halt is null)
        {
            var changed = extractions.Changed.Next;
            var claimed = await inputs.ClaimAsync(extraction, plan.InputsInFlight ?? options.MaxInputsInFlight, stopping);
            foreach (var input in claimed)
            {
                await _places.WaitAsync(stopping);
                if (_halt is not null)
                {
                    return;
                }

                Start(input);
            }

            if (claimed.Count == 0 && !IsBusy)
            {
                return;
            }

            // While the last calls are under way, more inputs may come.
            await (claimed.Count == 0 ? Task.WhenAny(changed, Task.Delay(LookInterval, time, stopping)) : Task.CompletedTask);
        }
    }

    private bool IsBusy
    {
        get
        {
            lock (_underWay)
            {
                return _underWay.Count > 0;
            }
        }
    }

    private void Start(ClaimedInput input)
    {
        var task = Task.Run(() => AnswerAsync(input));
        lock (_underWay)
        {
            _underWay.Add(task);
        }

        task.ContinueWith(Ended, CancellationToken.None, TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
    }

    private void Ended(Task task)
    {
        lock (_underWay)
        {
            _underWay.Remove(task);
        }

        _places.Release();
    }

    private async Task FinishAsync(CancellationToken stopping)
    {
        Task[] last;
        lock (_underWay)
        {
            last = [.. _underWay];
        }

        // Asked to stop, there is a grace period and no more.
        using var grace = new CancellationTokenSource();
        await using var watch = stopping.Register(() => grace.CancelAfter(options.StopGrace));
        await using var end = grace.Token.Register(_cancelled.Cancel);
        await Task.WhenAll(last);
    }

    private async Task AnswerAsync(ClaimedInput input)
    {
        var asked = time.GetUtcNow();
        try
        {
            var result = input.Repeats is { } repeats ? Rationales.Rows.Duplicate(input.Example, repeats) : await explainer.ExplainAsync(input.Example, plan, null, _cancelled.Token);
            if (result.Provenance is { Kept: false } asking)
            {
                outage.Answered(asking.Teacher);
            }

            await CompleteAsync(input, result);
        }
        catch (TeacherRowException refused) when (refused.IsOutOfBudget)
        {
            SetAside(new Halt(ExtractionState.OutOfBudget, refused.Reason, refused.Message));
        }
        catch (TeacherRowException refused) when (refused.MayPass && outage.Failed(refused.Teacher, asked, refused.HadText))
        {
            Stop(new Halt(ExtractionState.Running, refused.Reason, refused.Message));
        }
        catch (TeacherRowException refused) when (refused.MayPass && input.Tries + 1 < options.ExtractionTries)
        {
            await inputs.ReleaseAsync(_id, input.Ordinal, input.Tries + 1, WaitAfter(input.Tries));
        }
        catch (TeacherRowException refused)
        {
            await CompleteAsync(input, Rationales.Rows.Failed(input.Example, refused.Code, refused.Reason, refused.Message, refused.Field));
        }
        catch (TeacherFailedException failed)
        {
            if (Stop(new Halt(failed.Code == StatusCode.Unavailable || failed.Reason == "STATE_FAILED" ? ExtractionState.Running : ExtractionState.Failed, failed.Reason, failed.Message)))
            {
                // Whoever fails for the same reason at the same time says nothing new.
                TeacherLog.TeacherFailed(logger, failed.LogException, plan.Name, failed.Reason, failed.Message);
            }
        }
        catch (OperationCanceledException) when (_cancelled.IsCancellationRequested)
        {
            // It is given back.
        }
        catch (Exception failure)
        {
            if (Stop(new Halt(ExtractionState.Running, "INTERNAL", "The Teacher failed on an input; its log says why.")))
            {
                TeacherLog.BackendFailed(logger, failure, plan.Name);
            }
        }
    }

    private async Task CompleteAsync(ClaimedInput input, RationaleResult result)
    {
        await inputs.CompleteAsync(extraction, input, result, [.. Counters.Of(input.Example, result, plan.Teachers[0].Form)]);
        Interlocked.Increment(ref _rows);
        Interlocked.Exchange(ref _tooDear, 0);
        if (Interlocked.Exchange(ref _isTroubled, 0) == 1)
        {
            // It goes on: what was said about the teacher is no longer true.
            await extractions.SetStateAsync(_id, [ExtractionState.Running], ExtractionState.Running, "", "", null, CancellationToken.None);
        }
    }

    private bool Stop(Halt halt) => Interlocked.CompareExchange(ref _halt, halt, null) is null;

    // Others may be kept already, or cost less: the run keeps this input and goes on, until many in a row were too dear.
    private void SetAside(Halt halt)
    {
        _outOfBudget ??= halt;
        if (Interlocked.Increment(ref _tooDear) >= MostTooDear)
        {
            Stop(halt);
        }
    }

    private static TimeSpan WaitAfter(int tries) => TimeSpan.FromTicks(Math.Min(LongestWait.Ticks, FirstWait.Ticks << Math.Min(tries, 20)));

    // Somebody may pause or cancel it, here or at another replica.
    private async Task LookAsync(CancellationToken ended)
    {
        try
        {
            while (true)
            {
                await Task.Delay(LookInterval, time, ended);
                var now = await extractions.FindAsync(_id, ended);
                if (now is not { State: ExtractionState.Running } || now.Number != extraction.Number || now.Spec.Rationales.BudgetNanos != extraction.Spec.Rationales.BudgetNanos)
                {
                    Stop(Halt.Stopped);
                }

                if (now is null or { HasEnded: true } || now.Number != extraction.Number)
                {
                    await _cancelled.CancelAsync();
                    return;
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The run has ended.
        }
        catch (System.Data.Common.DbException unreadable)
        {
            TeacherLog.StateFailed(logger, unreadable);
            Stop(new Halt(ExtractionState.Running, "STATE_FAILED", "The Teacher cannot read its state; its log says why."));
        }
    }
}
