using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Spending;

/// <summary>Adds up what answers used.</summary>
internal static class UsageSum
{
    /// <summary>Adds more to a sum; with an estimate in it, it is one.</summary>
    public static void Add(this Usage sum, Usage more)
    {
        sum.InputTokens += more.InputTokens;
        sum.OutputTokens += more.OutputTokens;
        sum.CostNanos += more.CostNanos;
        sum.Estimated |= more.Estimated;
    }
}
