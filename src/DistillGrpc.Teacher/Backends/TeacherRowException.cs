using Grpc.Core;

namespace DistillGrpc.Teacher.Backends;

/// <summary>There is no answer to one input, for a reason that its sender may know.</summary>
internal sealed class TeacherRowException(StatusCode code, string reason, string message, string field = "") : Exception(message)
{
    /// <summary>The caller's money is used up, for all of its teachers.</summary>
    public const string BudgetExhausted = "BUDGET_EXHAUSTED";

    /// <summary>What the operator allows for this teacher is used up.</summary>
    public const string TeacherBudgetExhausted = "TEACHER_BUDGET_EXHAUSTED";

    public StatusCode Code { get; } = code;

    public string Reason { get; } = reason;

    public string Field { get; } = field;

    /// <summary>The last try had begun to answer when it failed: the backend is there, and it may be this input that it cannot finish.</summary>
    public bool HadText { get; init; }

    /// <summary>There is no money left: not this input is to blame.</summary>
    public bool IsOutOfBudget => Reason is BudgetExhausted or TeacherBudgetExhausted;

    /// <summary>Who had no answer, <c>teachers/{id}</c>, where several are asked; else empty.</summary>
    public string Teacher { get; set; } = "";

    /// <summary>Another try, later, may have an answer.</summary>
    public bool MayPass => Code is StatusCode.Unavailable or StatusCode.DeadlineExceeded;
}
