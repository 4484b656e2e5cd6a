using System.Collections.Concurrent;
using System.Data.Common;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Backends.OpenAi;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;
using Grpc.Core;
using Microsoft.Extensions.AI;

namespace DistillGrpc.Teacher.Backends;

/// <summary>
/// A teacher that is paid for, exactly once for every question: a whole answer is on the disk before anybody gets it, what is
/// there is not asked again, and equal questions at once are one. What a call may cost is reserved before it is made.
/// </summary>
internal sealed class PaidTeacher(string account, IPaidBackend backend, AnswerStore answers, Ledger ledger) : ITeacherBackend, IDisposable
{
    private readonly ConcurrentDictionary<string, Task> _underWay = new(StringComparer.Ordinal);

    public string Kind => backend.Kind;

    public string Model => backend.Model;

    public Prompt? DefaultPrompt => backend.DefaultPrompt;

    public bool Samples => true;

    public bool GivesLogProbabilities => true;

    public int? InputsInFlight => backend.InputsInFlight;

    public TeacherTrouble? Trouble => backend.Trouble;

    /// <summary>What was spent, with what is reserved for calls under way, and what may be; in billionths.</summary>
    public async ValueTask<(long Spent, long Budget)> SpendingAsync(CancellationToken cancellationToken)
    {
        var balance = await ledger.BalanceOfAsync(account, cancellationToken);
        return (balance.Spent + balance.Reserved, backend.Budget);
    }

    /// <summary>Calls at once at most.</summary>
    public int MaxConcurrency => backend.MaxConcurrency;

    /// <summary>What an answer would take, without asking.</summary>
    /// <exception cref="TeacherRowException">The prompt cannot show this input.</exception>
    public async ValueTask<(bool IsKept, long Bytes, int Turns, int MaxTokens, Price Price)> LookAsync(Example input, RationaleQuery query, CancellationToken cancellationToken)
    {
        var (bytes, turns, maxTokens) = backend.SizeOf(input, query);
        return (await answers.FindAsync(AnswerKey.Of(backend.Form, backend.Model, query, maxTokens, input), cancellationToken) is not null, bytes, turns, maxTokens, backend.Price);
    }

    public async ValueTask<BackendAnswer> AnswerAsync(Example input, RationaleQuery query, TextListener? onText, CancellationToken cancellationToken)
    {
        // Also finds that the prompt cannot show this input, before anything else is done.
        var size = backend.SizeOf(input, query);
        var key = AnswerKey.Of(backend.Form, backend.Model, query, size.MaxTokens, input);
        var name = Convert.ToHexString(key);
        while (true)
        {
            var mine = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            if (_underWay.GetOrAdd(name, mine.Task) is var other && other != mine.Task)
            {
                // Somebody asks the same; when that is over the answer is there, or this one asks.
                await other.WaitAsync(cancellationToken);
                continue;
            }

            try
            {
                await ledger.CatchUpAsync(cancellationToken);
                var (kept, isRestart) = (await answers.FindAsync(key, cancellationToken), false);
                if (kept is null)
                {
                    var asked = new Question(backend, answers, ledger, query.Budget, [new AccountLimit(account, backend.Budget), .. query.Accounts], key, size, onText);
                    kept = await backend.AskAsync(key, input, query, asked.OnText, asked.AttemptAsync, cancellationToken);
                    if (!asked.IsOthers)
                    {
                        return backend.Read(kept, query, input);
                    }

                    isRestart = asked.HasText;
                }

                if (onText is not null)
                {
                    await onText(kept.Text, isRestart);
                }

                return backend.Read(kept, query, input) with { IsKept = true };
            }
            catch (DbException failure)
            {
                throw new TeacherFailedException(
                    ledger.MayPass(failure) ? StatusCode.Unavailable : StatusCode.Internal, "STATE_FAILED", "The Teacher cannot write its state; its log says why.", failure);
            }
            finally
            {
                _underWay.TryRemove(name, out _);
                mine.SetResult();
            }
        }
    }

    public void Dispose() => backend.Dispose();

    // One question on its way: every attempt is reserved, and settled by what it came to. The teacher's own account is the first.
    private sealed class Question(
        IPaidBackend backend, AnswerStore answers, Ledger ledger, CallBudget budget, IReadOnlyList<AccountLimit> accounts, byte[] key, (long Bytes, int Turns, int MaxTokens) size, TextListener? onText)
    {
        private readonly Price _price = backend.Price;
        private long _written;
        private int _attempts;
        private string? _claimant;

        /// <summary>Another process has asked it meanwhile: the answer is that one's.</summary>
        public bool IsOthers { get; private set; }

        /// <summary>Some text has come, of whichever attempt.</summary>
        public bool HasText { get; private set; }

        public ValueTask OnText(string text, bool isRestart)
        {
            HasText = true;
            _written += Encoding.UTF8.GetByteCount(text);
            return onText is null ? ValueTask.CompletedTask : onText(text, isRestart);
        }

        public async ValueTask<WrittenAnswer> AttemptAsync(Func<CancellationToken, ValueTask<WrittenAnswer>> call, CancellationToken cancellationToken)
        {
            Reservation? reserved;
            while ((reserved = await ReserveAsync(_price.AtMost(size.Bytes, size.Turns, size.MaxTokens), cancellationToken)) is null)
            {
                if (await answers.AwaitOtherAsync(key, cancellationToken) is { } others)
                {
                    IsOthers = true;
                    return others;
                }
            }

            _written = 0;
            try
            {
                var written = Counted(await call(cancellationToken));
                written.Usage.CostNanos = _price.Of(written.Usage);
                // Whoever cancels now comes too late: it is paid for, and kept.
                await EndAsync(reserved, written.Usage.CostNanos, written);
                return written;
            }
            catch (Exception failure) when (failure is not DbException)
            {
                // What was refused costs nothing; what began and broke off may have cost what came.
                var spent = failure is UpstreamFailure { IsRefused: true } ? 0
                    : backend.WritesUnheard ? reserved.Amount
                    : _price.AtMost(size.Bytes, size.Turns, (int)Math.Min(size.MaxTokens, _written));
                await EndAsync(reserved, spent, null);
                throw;
            }
        }

        private WrittenAnswer Counted(WrittenAnswer written) => written with
        {
            Usage = Price.Counted(written.Usage, size.Bytes, size.Turns, written.Text, size.MaxTokens, written.FinishReason == ChatFinishReason.Length.Value),
        };

        // Null where another process asks the same.
        private async ValueTask<Reservation?> ReserveAsync(long most, CancellationToken cancellationToken)
        {
            if (!await budget.ReserveAsync(most, cancellationToken))
            {
                throw Exhausted(TeacherRowException.BudgetExhausted, "What this call may cost is used up.");
            }

            Reservation? reserved = null;
            // Before the claim is written: what ends another attempt leaves it to this one.
            Interlocked.Increment(ref _attempts);
            try
            {
                (reserved, var lacking) = await ledger.ReserveAsync(accounts, most, answers.Claim(key), cancellationToken);
                _claimant = reserved?.Owner ?? _claimant;
                return lacking is null ? reserved
                    : throw (lacking == accounts[0]
                        ? Exhausted(TeacherRowException.TeacherBudgetExhausted, "What this teacher may cost is used up.")
                        : Exhausted(TeacherRowException.BudgetExhausted, $"What {lacking.Name} may cost is used up."));
            }
            finally
            {
                if (reserved is null)
                {
                    budget.Settle(most, 0);
                    await WithdrawAsync();
                }
            }
        }

        private Task EndAsync(Reservation reserved, long spent, WrittenAnswer? answer)
        {
            Interlocked.Decrement(ref _attempts);
            budget.Settle(reserved.Amount, spent);
            return ledger.SettleAsync(reserved, spent, answer?.Usage, End(reserved.Owner, answer));
        }

        // An attempt that was not made: one that has ended meanwhile may have left the claim to it.
        private async Task WithdrawAsync()
        {
            if (Interlocked.Decrement(ref _attempts) == 0 && _claimant is { } owner)
            {
                await ledger.SettleAsync(new Reservation([], 0, owner), 0, null, End(owner, null));
            }
        }

        private Action<DbTransaction>? End(string owner, WrittenAnswer? answer) =>
            answers.End(key, owner, answer, backend.Kept, () => Volatile.Read(ref _attempts) > 0);

        private static TeacherRowException Exhausted(string reason, string message) => new(StatusCode.ResourceExhausted, reason, message);
    }
}
