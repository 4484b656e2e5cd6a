using DistillGrpc.Contracts.V1;
using Google.Protobuf.Reflection;

namespace DistillGrpc.Cli.Teaching;

/// <summary>Whether a result is fit to train on, and why not, in the contract's own words.</summary>
internal static class Reasons
{
    private static readonly EnumDescriptor Enum = TeacherReflection.Descriptor.EnumTypes.Single(type => type.Name == nameof(RejectionReason));
    private static readonly EnumDescriptor Outcomes = TeacherReflection.Descriptor.EnumTypes.Single(type => type.Name == nameof(ParseOutcome));

    /// <summary>The Teacher's verdict; without one, an answer that could be read is accepted.</summary>
    public static bool IsAccepted(RationaleResult result) => result.Verdict?.Accepted ?? result.ParseOutcome == ParseOutcome.Parsed;

    /// <summary>Why it is not accepted, such as <c>WRONG_LABEL</c>.</summary>
    public static IEnumerable<string> Of(RationaleResult result) =>
        IsAccepted(result) ? []
        : result.Verdict is { } verdict ? verdict.Reasons.Select(Text)
        : [Name(Outcomes, (int)result.ParseOutcome, "PARSE_OUTCOME_")];

    /// <summary>A reason, such as <c>WRONG_LABEL</c>.</summary>
    public static string Text(RejectionReason reason) => Name(Enum, (int)reason, "REJECTION_REASON_");

    // A newer Teacher may have reasons that this program does not know.
    private static string Name(EnumDescriptor type, int number, string prefix) => type.FindValueByNumber(number)?.Name[prefix.Length..] ?? $"REASON_{number}";
}
