using System.Collections.Concurrent;
using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistillGrpc.Teacher.Spending;

/// <summary>
/// What was spent, by account, over all calls and restarts, in billionths of the teachers' currency. What a call may cost is
/// reserved on the disk before it is made, on all of its accounts or on none, so that no crash lets more be spent than was allowed.
/// </summary>
internal sealed class Ledger : IAsyncDisposable
{
    private const string Columns = "SELECT name, spent, reserved, input_tokens, output_tokens, answers FROM accounts";

    // Nobody tells this process when another one settles.
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(200);

    // How often others' settlements are looked for where this process hears of all.
    private static readonly TimeSpan SlowPoll = TimeSpan.FromSeconds(5);

    private readonly Signal _settled = new();
    private readonly ConcurrentDictionary<string, Line> _lines = new(StringComparer.Ordinal);
    private readonly TeacherDatabase _database;
    private readonly TimeProvider _time;
    private readonly LateSettlements _late;
    private readonly ILogger _logger;

    /// <summary>The ledger of a database.</summary>
    /// <param name="database">Where it is kept.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Hears of answers that are lost; null for none.</param>
    public Ledger(TeacherDatabase database, TimeProvider time, ILogger<Ledger>? logger = null)
    {
        (_database, _time, _logger) = (database, time, logger ?? NullLogger<Ledger>.Instance);
        _late = new LateSettlements(database, _settled, time);
    }

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
            return (new Reservation(accounts, amount, _database.Owner), null);
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
                await settled.WaitAsync(_database.Dialect.IsShared ? Poll : SlowPoll, _time, cancellationToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                cancellationToken.ThrowIfCancellationRequested();
                settled = _settled.Next;
                tried = await TryReserveAsync();
            }
        }

        return (tried.Reserved, tried.Lacking);

        async Task<(Reservation? Reserved, AccountLimit? Lacking, bool IsFinal)> TryReserveAsync()
        {
            await CatchUpAsync(cancellationToken);
            return await _database.WriteAsync(transaction => TryReserve(transaction, accounts, amount, claim), cancellationToken);
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
            var started = _time.GetTimestamp();
            while (!await TrySettleAsync(settlement, isLast: _time.GetElapsedTime(started) > Patience))
            {
                await Task.Delay(Poll, _time, CancellationToken.None);
            }
        }
        catch (DbException failure) when (failure is not OutcomeUnknownException)
        {
            _late.Add(settlement);
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
    public ValueTask CatchUpAsync(CancellationToken cancellationToken) => _late.WriteAsync(cancellationToken);

    /// <summary>Writes what is late; the process ends, and what the database does not take now is lost.</summary>
    public async ValueTask DisposeAsync()
    {
        try
        {
            await CatchUpAsync(CancellationToken.None);
        }
        catch (DbException failure)
        {
            DatabaseLog.Lost(_logger, _late.Answers, _database.Dialect.Place, _database.Dialect.Explain(failure));
        }
    }

    /// <summary>Whether what the database refused may go through later.</summary>
    public bool MayPass(DbException failure) => _database.Dialect.MayPass(failure);

    /// <summary>What stands in an account; nothing where nothing was booked yet.</summary>
    public async ValueTask<AccountBalance> BalanceOfAsync(string account, CancellationToken cancellationToken) =>
        (await ReadAsync($"{Columns} WHERE name = @name", [("@name", account)], cancellationToken)).FirstOrDefault() ?? new AccountBalance(account);

    /// <summary>Accounts by name.</summary>
    /// <param name="after">The name that comes before the first; empty for the start.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public ValueTask<IReadOnlyList<AccountBalance>> ListAsync(string after, int count, CancellationToken cancellationToken) =>
        ReadAsync($"{Columns} WHERE name > @after ORDER BY name LIMIT @count", [("@after", after), ("@count", (long)count)], cancellationToken);

    private async Task<bool> TrySettleAsync(Settlement settlement, bool isLast)
    {
        try
        {
            return await settlement.WriteToAsync(_database);
        }
        catch (DbException away) when (MayPass(away) && !isLast)
        {
            return false;
        }
    }

    // The reservation; or the account that has not enough, and whether that is for good.
    private (Reservation? Reserved, AccountLimit? Lacking, bool IsFinal) TryReserve(
        DbTransaction transaction, IReadOnlyList<AccountLimit> accounts, long amount, Func<DbTransaction, bool>? claim)
    {
        var reservation = new Reservation(accounts, amount, _database.Owner);
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

        if (_database.Dialect.IsShared && amount > 0)
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

    private ValueTask<IReadOnlyList<AccountBalance>> ReadAsync(string sql, (string Name, object Value)[] parameters, CancellationToken cancellationToken) => _database.QueryAsync(
        sql, row => new AccountBalance(row.GetString(0), row.GetInt64(1), row.GetInt64(2), row.GetInt64(3), row.GetInt64(4), row.GetInt64(5)), parameters, cancellationToken);
}
