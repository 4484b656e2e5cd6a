namespace DistillGrpc.Teacher.Spending;

/// <summary>What a call may cost, set aside on all of its accounts until it is settled.</summary>
/// <param name="Accounts">Where; each once.</param>
/// <param name="Amount">How much on each, in billionths.</param>
/// <param name="Owner">The process that has reserved it, as <see cref="Storage.TeacherDatabase.Owner"/> was then.</param>
internal sealed record Reservation(IReadOnlyList<AccountLimit> Accounts, long Amount, string Owner);
