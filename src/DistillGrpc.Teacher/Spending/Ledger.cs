using System.Data.Common;
using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher.Spending;

/// <summary>
/// What was spent on one teacher, over all calls and restarts, in billionths of its currency. What a call may cost is
/// reserved on the disk before it is made, so that no crash lets more be spent than was allowed.
/// </summary>
/// <param name="database">Where it is written.</param>
/// <param name="account">The teacher.</param>
/// <param name="limit">All that may ever be spent; 0 for no limit.</param>
internal sealed class Ledger(TeacherDatabase database, string account, long limit)
{
    private readonly Signal _settled = new();

    /// <inheritdoc cref="CallBudget.ReserveAsync"/>
    public async ValueTask<bool> ReserveAsync(long amount, CancellationToken cancellationToken)
    {
        while (true)
        {
            var settled = _settled.Next;
            var (isReserved, others) = await database.WriteAsync(transaction => TryReserve(transaction, amount), cancellationToken);
            if (isReserved || others == 0)
            {
                return isReserved;
            }

            await settled.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Puts what was spent in the place of what was reserved, together with another write.</summary>
    public async Task SettleAsync(long reserved, long spent, Action<DbTransaction> write)
    {
        await database.WriteAsync(
            transaction =>
            {
                write(transaction);
                return transaction.Execute(
                    "UPDATE accounts SET reserved = reserved - @reserved, spent = spent + @spent WHERE name = @name",
                    ("@name", account), ("@reserved", reserved), ("@spent", spent));
            },
            CancellationToken.None);
        _settled.Raise();
    }

    /// <summary>What was spent, with what is reserved for calls under way.</summary>
    public long Spent()
    {
        using var connection = database.Open();
        using var command = connection.Command("SELECT spent + reserved FROM accounts WHERE name = @name", ("@name", account));
        return command.ExecuteScalar() is long spent ? spent : 0;
    }

    private (bool IsReserved, long Others) TryReserve(DbTransaction transaction, long amount)
    {
        if (Take(transaction, amount))
        {
            return (true, 0);
        }

        // There is no account yet, or not enough in it.
        transaction.Execute("INSERT INTO accounts (name, spent, reserved) VALUES (@name, 0, 0) ON CONFLICT (name) DO NOTHING", ("@name", account));
        return Take(transaction, amount) ? (true, 0) : (false, (long)transaction.Scalar("SELECT reserved FROM accounts WHERE name = @name", ("@name", account))!);
    }

    private bool Take(DbTransaction transaction, long amount) => transaction.Execute(
        "UPDATE accounts SET reserved = reserved + @amount WHERE name = @name AND (@limit = 0 OR spent + reserved + @amount <= @limit)",
        ("@name", account), ("@amount", amount), ("@limit", limit)) == 1;
}
