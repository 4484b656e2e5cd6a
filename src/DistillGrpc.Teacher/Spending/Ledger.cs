using System.Collections.Concurrent;
using System.Data.Common;
using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher.Spending;

/// <summary>
/// What was spent, by account, over all calls and restarts, in billionths of the teachers' currency. What a call may cost is
/// reserved on the disk before it is made, on all of its accounts or on none, so that no crash lets more be spent than was allowed.
/// </summary>
internal sealed class Ledger(TeacherDatabase database, TimeProvider time)
{
    private const string Columns = "SELECT name, spent, reserved, input_tokens, output_tokens, answers FROM accounts";

    // Nobody tells this process when another one settles.
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    // How often others' settlements are looked for where this process hears of all, and late ones are tried again.
    private static readonly TimeSpan SlowPoll = TimeSpan.FromSeconds(5);

    private readonly Signal _settled = new();
    private readonly ConcurrentDictionary<string, Line> _lines = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<Settlement> _late = [];
    private readonly SemaphoreSlim _catchingUp = new(1);
    private int _isWatched;

    /// <summary>How long an answer that was paid for waits for a database that is away or full, before its caller hears of it.</summary>
    public TimeSpan Patience { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Reserves an amount. Where only what others have reserved is in the way it waits, since they rarely need all of it.
    /// </summary>
    /// <param name="accounts">Where the call is booked; each once. Limits count as they are given now.</param>
    /// <param name="amount">What the call may cost; 0 is not written down.</param>
    /// <param name="claim">A write that is carried out with it; where it says no, nothing is reserved. Null for none.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The reservation; or the account whose limit does not let the amount be spent any more; or neither, where the claim failed.</returns>
    public async ValueTask<(Reservation? Reserved, AccountLimit? Exhausted)> ReserveAsync(
        IReadOnlyList<AccountLimit> accounts, long amount, Func<DbTransaction, bool>? claim, CancellationToken cancellationToken)
    {
        if (amount == 0 && claim is null)
        {
            return (new Reservation(accounts, amount, database.Owner), null);
        }

        var settled = _settled.Next;
        var tried = await TryReserveAsync();
        while (!tried.IsFinal)
        {
            // Of all who wait for one account, one alone tries again at every settlement.
            var lacking = tried.Lacking!.Name;
            using var turn = await _lines.GetOrAdd(lacking, _ => new Line()).EnterAsync(cancellationToken);
            while (!tried.IsFinal && tried.Lacking!.Name == lacking)
            {
                await settled.WaitAsync(database.Dialect.IsShared ? Poll : SlowPoll, time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                settled = _settled.Next;
                tried = await TryReserveAsync();
            }
        }

        return (tried.Reserved, tried.Lacking);

        async Task<(Reservation? Reserved, AccountLimit? Lacking, bool IsFinal)> TryReserveAsync()
        {
            await CatchUpAsync(cancellationToken);
            return await database.WriteAsync(transaction => TryReserve(transaction, accounts, amount, claim), cancellationToken);
        }
    }

    /// <summary>
    /// Puts what was spent in the place of what was reserved, together with another write. Waits for a database that is away for
    /// a moment; where it stays away, both are kept in memory, and are written as soon as it can be.
    /// </summary>
    /// <param name="reservation">What was reserved.</param>
    /// <param name="spent">What the call has cost, or may have.</param>
    /// <param name="answer">The tokens of the answer that <paramref name="write"/> keeps; null where there is none.</param>
    /// <param name="write">The other write.</param>
    /// <exception cref="DbException">Not written yet.</exception>
    public async Task SettleAsync(Reservation reservation, long spent, Usage? answer, Action<DbTransaction>? write)
    {
        if (reservation.Amount == 0 && answer is null && write is null)
        {
            return;
        }

        var settlement = new Settlement(reservation, spent, answer, write);
        try
        {
            var started = time.GetTimestamp();
            while (!await TrySettleAsync(settlement, isLast: time.GetElapsedTime(started) > Patience))
            {
                await Task.Delay(Poll, time, CancellationToken.None);
            }
        }
        catch (DbException failure) when (failure is not OutcomeUnknownException)
        {
            _late.Enqueue(settlement);
            if (Interlocked.Exchange(ref _isWatched, 1) == 0)
            {
                _ = CatchUpLaterAsync();
            }

            throw;
        }
        finally
        {
            // Also where it failed: who waits must not wait for it.
            _settled.Raise();
        }
    }

    /// <summary>
    /// Writes the settlements that the database did not take, with their answers. Before that nothing is asked that costs
    /// anything: it may be the question that has its answer already.
    /// </summary>
    /// <exception cref="DbException">It still does not take them.</exception>
    public async ValueTask CatchUpAsync(CancellationToken cancellationToken)
    {
        if (_late.IsEmpty)
        {
            return;
        }

        await _catchingUp.WaitAsync(cancellationToken);
        try
        {
            while (_late.TryPeek(out var next))
            {
                await WriteAsync(next);
                _late.TryDequeue(out _);
                _settled.Raise();
            }
        }
        catch (OutcomeUnknownException)
        {
            // It may be written: a second time would be wrong.
            _late.TryDequeue(out _);
            throw;
        }
        finally
        {
            _catchingUp.Release();
        }
    }

    /// <summary>Whether what the database refused may go through later.</summary>
    public bool MayPass(DbException failure) => database.Dialect.MayPass(failure);

    /// <summary>What stands in an account; nothing where nothing was booked yet.</summary>
    public async ValueTask<AccountBalance> BalanceOfAsync(string account, CancellationToken cancellationToken) =>
        (await ReadAsync($"{Columns} WHERE name = @name", [("@name", account)], cancellationToken)).FirstOrDefault() ?? new AccountBalance(account);

    /// <summary>Accounts by name.</summary>
    /// <param name="after">The name that comes before the first; empty for the start.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public ValueTask<IReadOnlyList<AccountBalance>> ListAsync(string after, int count, CancellationToken cancellationToken) =>
        ReadAsync($"{Columns} WHERE name > @after ORDER BY name LIMIT @count", [("@after", after), ("@count", (long)count)], cancellationToken);

    // Whoever asks next may come late, or never.
    private async Task CatchUpLaterAsync()
    {
        while (true)
        {
            await Task.Delay(SlowPoll, time, CancellationToken.None);
            try
            {
                await CatchUpAsync(CancellationToken.None);
                Volatile.Write(ref _isWatched, 0);
                if (_late.IsEmpty || Interlocked.Exchange(ref _isWatched, 1) != 0)
                {
                    return;
                }
            }
            catch (DbException)
            {
                // Whoever asks meanwhile hears of it.
            }
            catch (ChannelClosedException)
            {
                // The process ends; what was reserved counts as spent.
                return;
            }
        }
    }

    private async Task<bool> TrySettleAsync(Settlement settlement, bool isLast)
    {
        try
        {
            return await WriteAsync(settlement);
        }
        catch (DbException away) when (MayPass(away) && !isLast)
        {
            return false;
        }
    }

    private Task<bool> WriteAsync(Settlement settlement) => database.WriteAsync(
        transaction =>
        {
            settlement.Write?.Invoke(transaction);
            foreach (var account in settlement.Reservation.Accounts)
            {
                Settle(transaction, account.Name, settlement.Reservation, settlement.Spent, settlement.Answer);
            }

            return true;
        },
        CancellationToken.None);

    // The reservation; or the account that has not enough, and whether that is for good.
    private (Reservation? Reserved, AccountLimit? Lacking, bool IsFinal) TryReserve(
        DbTransaction transaction, IReadOnlyList<AccountLimit> accounts, long amount, Func<DbTransaction, bool>? claim)
    {
        var reservation = new Reservation(accounts, amount, database.Owner);
        for (var i = 0; amount > 0 && i < accounts.Count; i++)
        {
            if (Take(transaction, accounts[i], amount) is var (isTaken, spent) && !isTaken)
            {
                Return(transaction, accounts.Take(i), amount);
                return (null, accounts[i], spent + amount > accounts[i].Limit);
            }
        }

        if (claim?.Invoke(transaction) == false)
        {
            Return(transaction, amount > 0 ? accounts : [], amount);
            return (null, null, true);
        }

        if (database.Dialect.IsShared && amount > 0)
        {
            foreach (var account in accounts)
            {
                transaction.Execute(
                    """
                    INSERT INTO reservations (account, owner, amount) VALUES (@account, @owner, @amount)
                    ON CONFLICT (account, owner) DO UPDATE SET amount = reservations.amount + excluded.amount
                    """,
                    ("@account", account.Name), ("@owner", reservation.Owner), ("@amount", amount));
            }
        }

        return (reservation, null, true);
    }

    // Whether it was taken; if not, what was spent so far.
    private static (bool IsTaken, long Spent) Take(DbTransaction transaction, AccountLimit account, long amount)
    {
        if (IsTaken())
        {
            return (true, 0);
        }

        if (transaction.Scalar("SELECT spent FROM accounts WHERE name = @name", ("@name", account.Name)) is long spent)
        {
            return (false, spent);
        }

        transaction.Execute("INSERT INTO accounts (name, spent, reserved) VALUES (@name, 0, 0)", ("@name", account.Name));
        return (IsTaken(), 0);

        bool IsTaken() => transaction.Execute(
            "UPDATE accounts SET reserved = reserved + @amount WHERE name = @name AND (@limit = 0 OR spent + reserved + @amount <= @limit)",
            ("@name", account.Name), ("@amount", amount), ("@limit", account.Limit)) == 1;
    }

    private static void Return(DbTransaction transaction, IEnumerable<AccountLimit> accounts, long amount)
    {
        foreach (var account in accounts)
        {
            transaction.Execute("UPDATE accounts SET reserved = reserved - @amount WHERE name = @name", ("@name", account.Name), ("@amount", amount));
        }
    }

    private void Settle(DbTransaction transaction, string account, Reservation reservation, long spent, Usage? answer)
    {
        var reserved = reservation.Amount;
        if (database.Dialect.IsShared && reserved > 0 && transaction.Execute(
            "UPDATE reservations SET amount = amount - @amount WHERE account = @account AND owner = @owner",
            ("@account", account), ("@owner", reservation.Owner), ("@amount", reserved)) == 0)
        {
            // This process was thought dead, and all that it had reserved counts as spent.
            (reserved, spent) = (0, spent - reserved);
        }

        // What costs nothing was not reserved, and may be the first that an account hears of.
        transaction.Execute(
            """
            INSERT INTO accounts (name, spent, reserved, input_tokens, output_tokens, answers) VALUES (@name, @spent, @reserved, @input, @output, @answers)
            ON CONFLICT (name) DO UPDATE SET spent = accounts.spent + excluded.spent, reserved = accounts.reserved + excluded.reserved,
                input_tokens = accounts.input_tokens + excluded.input_tokens, output_tokens = accounts.output_tokens + excluded.output_tokens,
                answers = accounts.answers + excluded.answers
            """,
            ("@name", account), ("@spent", spent), ("@reserved", -reserved),
            ("@input", answer?.InputTokens ?? 0L), ("@output", answer?.OutputTokens ?? 0L), ("@answers", answer is null ? 0L : 1L));
    }

    private ValueTask<IReadOnlyList<AccountBalance>> ReadAsync(string sql, (string Name, object Value)[] parameters, CancellationToken cancellationToken) => database.QueryAsync(
        sql, row => new AccountBalance(row.GetString(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5)), parameters, cancellationToken);

    private sealed record Settlement(Reservation Reservation, long Spent, Usage? Answer, Action<DbTransaction>? Write);
}
