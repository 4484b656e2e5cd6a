using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Spending;

/// <summary>What stands in an account; amounts in billionths.</summary>
/// <param name="Name">As in <see cref="AccountLimit"/>.</param>
/// <param name="Spent">What calls have cost, with what those that broke off may have.</param>
/// <param name="Reserved">What calls under way may cost.</param>
/// <param name="InputTokens">Tokens that were read for the answers.</param>
/// <param name="OutputTokens">Tokens that were written in them.</param>
/// <param name="Answers">Answers that were asked for and kept; those that had been kept before are not among them.</param>
internal sealed record AccountBalance(string Name, long Spent = 0, long Reserved = 0, long InputTokens = 0, long OutputTokens = 0, long Answers = 0)
{
    /// <summary>The tokens, and what was spent.</summary>
    public Usage ToUsage() => new() { InputTokens = InputTokens, OutputTokens = OutputTokens, CostNanos = Spent };
}
