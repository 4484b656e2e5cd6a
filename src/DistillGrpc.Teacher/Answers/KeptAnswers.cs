using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Backends.OpenAi.Batches;
using DistillGrpc.Teacher.Spending;

namespace DistillGrpc.Teacher.Answers;

/// <summary>Makes paid teachers; the database that they share is opened with the first, so that a Teacher without any needs no state.</summary>
/// <param name="answers">Opens what was answered.</param>
/// <param name="ledger">Opens what was spent.</param>
/// <param name="batched">Opens which of a teacher's questions are in batches.</param>
internal sealed class KeptAnswers(Func<AnswerStore> answers, Func<Ledger> ledger, Func<string, BatchedQuestions> batched)
{
    /// <summary>A teacher whose answers are kept.</summary>
    /// <param name="account">What it costs is booked under this name.</param>
    /// <param name="backend">The model; disposed with the teacher.</param>
    /// <exception cref="InvalidOperationException">The database cannot be used.</exception>
    public PaidTeacher Of(string account, IPaidBackend backend) => new(account, backend, answers(), ledger());

    /// <summary>Which of a teacher's questions are in batches.</summary>
    public BatchedQuestions BatchedOf(string account) => batched(account);
}
