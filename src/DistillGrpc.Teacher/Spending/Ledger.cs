using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher.Spending;

/// <summary>
/// What was spent, by account, over all calls and restarts, in billionths of the teachers' currency. What a call may cost is
/// reserved on the disk before it is made, on all of its accounts or on none, so that no crash lets more be spent than was allowed.
/// </summary>
internal sealed class Ledger(TeacherDatabase database)
{
    private readonly Signal _settled = new();

    /// <summary>
    /// Reserves an amount. Where only what others have reserved is in the way it waits, since they rarely need all of it.
    /// </summary>
    /// <param name="accounts">Where the call is booked; each once. Limits count as they are given now.</param>
    /// <param name="amount">What the call may cost.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The reservation, or the account whose limit does not let the amount be spent any more.</returns>
    public async ValueTask<(Reservation? Reserved, AccountLimit? Exhausted)> ReserveAsync(IReadOnlyList<AccountLimit> accounts, long amount, CancellationToken cancellationToken)
    {
        while (true)
        {
            var settled = _settled.Next;
            var (lacking, isExhausted) = await database.WriteAsync(transaction => TryReserve(transaction, accounts, amount), cancellationToken);
            if (lacking is null || isExhausted)
            {
                return lacking is null ? (new Reservation(accounts, amount), null) : (null, lacking);
            }

            await settled.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Puts what was spent in the place of what was reserved, together with another write.</summary>
    /// <param name="reservation">What was reserved.</param>
    /// <param name="spent">What the call has cost, or may have.</param>
    /// <param name="answer">The tokens of the answer that <paramref name="write"/> keeps; null where there is none.</param>
    /// <param name="write">The other write.</param>
    public async Task SettleAsync(Reservation reservation, long spent, Usage? answer, Action<DbTransaction>? write)
    {
        await database.WriteAsync(
            transaction =>
            {
                write?.Invoke(transaction);
                foreach (var account in reservation.Accounts)
                {
                    Settle(transaction, account.Name, reservation.Amount, spent, answer);
                }

                return true;
            },
            CancellationToken.None);
        _settled.Raise();
    }

    /// <summary>What stands in an account; nothing where nothing was booked yet.</summary>
    public AccountBalance BalanceOf(string account)
    {
        using var connection = database.Open();
        using var command = connection.Command("SELECT name, spent, reserved, input_tokens, output_tokens, answers FROM accounts WHERE name = @name", ("@name", account));
        return Read(command).FirstOrDefault() ?? new AccountBalance(account);
    }

    /// <summary>Accounts by name.</summary>
    /// <param name="after">The name that comes before the first; empty for the start.</param>
    /// <param name="count">How many at most.</param>
    public IReadOnlyList<AccountBalance> List(string after, int count)
    {
        using var connection = database.Open();
        using var command = connection.Command(
            "SELECT name, spent, reserved, input_tokens, output_tokens, answers FROM accounts WHERE name > @after ORDER BY name LIMIT @count",
            ("@after", after), ("@count", count));
        return Read(command);
    }

    // The account that has not enough, and whether that is for good.
    private static (AccountLimit? Lacking, bool IsExhausted) TryReserve(DbTransaction transaction, IReadOnlyList<AccountLimit> accounts, long amount)
    {
        for (var i = 0; i < accounts.Count; i++)
        {
            if (Take(transaction, accounts[i], amount))
            {
                continue;
            }

            // There is no account yet, or not enough in it.
            transaction.Execute("INSERT INTO accounts (name, spent, reserved) VALUES (@name, 0, 0) ON CONFLICT (name) DO NOTHING", ("@name", accounts[i].Name));
            if (!Take(transaction, accounts[i], amount))
            {
                foreach (var taken in accounts.Take(i))
                {
                    transaction.Execute("UPDATE accounts SET reserved = reserved - @amount WHERE name = @name", ("@name", taken.Name), ("@amount", amount));
                }

                var spent = (long)transaction.Scalar("SELECT spent FROM accounts WHERE name = @name", ("@name", accounts[i].Name))!;
                return (accounts[i], spent + amount > accounts[i].Limit);
            }
        }

        return (null, false);
    }

    private static bool Take(DbTransaction transaction, AccountLimit account, long amount) => transaction.Execute(
        "UPDATE accounts SET reserved = reserved + @amount WHERE name = @name AND (@limit = 0 OR spent + reserved + @amount <= @limit)",
        ("@name", account.Name), ("@amount", amount), ("@limit", account.Limit)) == 1;

    // What costs nothing was not reserved, and may be the first that an account hears of.
    private static void Settle(DbTransaction transaction, string account, long reserved, long spent, Usage? answer) => transaction.Execute(
        """
        INSERT INTO accounts (name, spent, reserved, input_tokens, output_tokens, answers) VALUES (@name, @spent, -@reserved, @input, @output, @answers)
        ON CONFLICT (name) DO UPDATE SET spent = accounts.spent + excluded.spent, reserved = accounts.reserved + excluded.reserved,
            input_tokens = accounts.input_tokens + excluded.input_tokens, output_tokens = accounts.output_tokens + excluded.output_tokens,
            answers = accounts.answers + excluded.answers
        """,
        ("@name", account), ("@spent", spent), ("@reserved", reserved),
        ("@input", answer?.InputTokens ?? 0L), ("@output", answer?.OutputTokens ?? 0L), ("@answers", answer is null ? 0L : 1L));

    private static List<AccountBalance> Read(DbCommand command)
    {
        using var reader = command.ExecuteReader();
        var balances = new List<AccountBalance>();
        while (reader.Read())
        {
            balances.Add(new AccountBalance(reader.GetString(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4), reader.GetInt64(5)));
        }

        return balances;
    }
}
