using System.Collections.Concurrent;
using System.Data.Common;
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

    // How long an answer that was paid for waits for a database that is away.
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly Signal _settled = new();
    private readonly ConcurrentDictionary<string, Line> _lines = new(StringComparer.Ordinal);

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
                await (database.Dialect.IsShared ? Task.WhenAny(settled, Task.Delay(Poll, time, cancellationToken)) : settled.WaitAsync(cancellationToken));
                cancellationToken.ThrowIfCancellationRequested();
                settled = _settled.Next;
                tried = await TryReserveAsync();
            }
        }

        return (tried.Reserved, tried.Lacking);

        Task<(Reservation? Reserved, AccountLimit? Lacking, bool IsFinal)> TryReserveAsync() =>
            database.WriteAsync(transaction => TryReserve(transaction, accounts, amount, claim), cancellationToken);
    }

    /// <summary>Puts what was spent in the place of what was reserved, together with another write. Waits for a database that is away for a moment.</summary>
    /// <param name="reservation">What was reserved.</param>
    /// <param name="spent">What the call has cost, or may have.</param>
    /// <param name="answer">The tokens of the answer that <paramref name="write"/> keeps; null where there is none.</param>
    /// <param name="write">The other write.</param>
    public async Task SettleAsync(Reservation reservation, long spent, Usage? answer, Action<DbTransaction>? write)
    {
        if (reservation.Amount == 0 && answer is null && write is null)
        {
            return;
        }

        var started = time.GetTimestamp();
        while (!await TrySettleAsync(reservation, spent, answer, write, isLast: time.GetElapsedTime(started) > Patience))
        {
            await Task.Delay(Poll, time, CancellationToken.None);
        }

        _settled.Raise();
    }

    /// <summary>What stands in an account; nothing where nothing was booked yet.</summary>
    public async ValueTask<AccountBalance> BalanceOfAsync(string account, CancellationToken cancellationToken) =>
        (await ReadAsync($"{Columns} WHERE name = @name", [("@name", account)], cancellationToken)).FirstOrDefault() ?? new AccountBalance(account);

    /// <summary>Accounts by name.</summary>
    /// <param name="after">The name that comes before the first; empty for the start.</param>
    /// <param name="count">How many at most.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public ValueTask<IReadOnlyList<AccountBalance>> ListAsync(string after, int count, CancellationToken cancellationToken) =>
        ReadAsync($"{Columns} WHERE name > @after ORDER BY name LIMIT @count", [("@after", after), ("@count", (long)count)], cancellationToken);

    private async Task<bool> TrySettleAsync(Reservation reservation, long spent, Usage? answer, Action<DbTransaction>? write, bool isLast)
    {
        try
        {
            return await database.WriteAsync(
                transaction =>
                {
                    write?.Invoke(transaction);
                    foreach (var account in reservation.Accounts)
                    {
                        Settle(transaction, account.Name, reservation, spent, answer);
                    }

                    return true;
                },
                CancellationToken.None);
        }
        catch (DbException away) when (away.IsTransient && !isLast)
        {
            return false;
        }
    }

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
}
