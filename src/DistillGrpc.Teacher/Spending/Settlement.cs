using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher.Spending;

/// <summary>What a call came to: takes the place of what was reserved for it.</summary>
/// <param name="Reservation">What was reserved.</param>
/// <param name="Spent">What the call has cost, or may have.</param>
/// <param name="Answer">The tokens of the answer that <paramref name="Write"/> keeps; null where there is none.</param>
/// <param name="Write">What is written with it; null for nothing.</param>
internal sealed record Settlement(Reservation Reservation, long Spent, Usage? Answer, Action<DbTransaction>? Write)
{
    /// <summary>Writes it.</summary>
    /// <exception cref="DbException">Nothing was written; or that is unknown (<see cref="OutcomeUnknownException"/>).</exception>
    public Task<bool> WriteToAsync(TeacherDatabase database) => database.WriteAsync(
        transaction =>
        {
            Write?.Invoke(transaction);
            foreach (var account in Reservation.Accounts)
            {
                Settle(transaction, account.Name, database.Dialect.IsShared);
            }

            return true;
        },
        CancellationToken.None);

    private void Settle(DbTransaction transaction, string account, bool isShared)
    {
        var (reserved, spent) = (Reservation.Amount, Spent);
        if (isShared && reserved > 0 && transaction.Execute(
            "UPDATE reservations SET amount = amount - @amount WHERE account = @account AND owner = @owner",
            ("@account", account), ("@owner", Reservation.Owner), ("@amount", reserved)) == 0)
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
            ("@input", Answer?.InputTokens ?? 0L), ("@output", Answer?.OutputTokens ?? 0L), ("@answers", Answer is null ? 0L : 1L));
    }
}
