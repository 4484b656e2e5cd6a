using System.Globalization;
using DistillGrpc.Contracts.V1;
using Google.Protobuf.Reflection;

namespace DistillGrpc.Cli.Jobs;

/// <summary>Names and states of extractions, as people write and read them.</summary>
internal static class Job
{
    public const string Collection = "extractions/";
    private static readonly EnumDescriptor States = ExtractionReflection.Descriptor.EnumTypes.Single(type => type.Name == nameof(ExtractionState));

    /// <summary>The name of one that is given by its name or its id.</summary>
    public static string Name(string given) => given.StartsWith(Collection, StringComparison.Ordinal) ? given : Collection + given;

    /// <summary>The id of one that is given by its name or its id.</summary>
    public static string Id(string given) => Name(given)[Collection.Length..];

    /// <summary>It does nothing, and will not by itself, though inputs are left.</summary>
    public static bool IsHeld(Extraction extraction) => extraction.State is ExtractionState.Paused or ExtractionState.OutOfBudget or ExtractionState.Failed;

    /// <summary>Says how to have one that is held go on.</summary>
    /// <exception cref="InvalidDataException">It is held.</exception>
    public static void ThrowIfHeld(Extraction extraction)
    {
        if (IsHeld(extraction))
        {
            throw new InvalidDataException($"{extraction.Name} is {State(extraction)}, and goes on after: {Resume(extraction)}");
        }
    }

    /// <summary>It will never do anything again.</summary>
    public static bool HasEnded(Extraction extraction) => extraction.State is ExtractionState.Succeeded or ExtractionState.Cancelled;

    private static string Resume(Extraction extraction) =>
        $"distill jobs resume {extraction.Name}{(extraction.State == ExtractionState.OutOfBudget ? " --budget AMOUNT" : "")}";

    /// <summary>One line: state, rows, cost, pace.</summary>
    public static string Line(Extraction extraction)
    {
        var counts = extraction.Counts ?? new ExtractionCounts();
        var cost = extraction.Usage?.CostNanos ?? 0;
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{extraction.Name} {State(extraction)}: {counts.Accepted + counts.Rejected} of {counts.Inputs}{(extraction.InputsComplete ? "" : " so far")}, {counts.Accepted} accepted{(cost > 0 ? $", cost {Money.Text(cost)}" : "")}{(extraction.RowsPerSecond > 0 ? $", {extraction.RowsPerSecond:0.#}/s" : "")}{Remaining(extraction)}");
    }

    /// <summary>Its state in the contract's own words, such as <c>EXTRACTION_STATE_RUNNING</c>.</summary>
    public static string StateName(Extraction extraction) => States.FindValueByNumber((int)extraction.State)?.Name ?? $"{extraction.State}";

    /// <summary>Its state, and why.</summary>
    public static string State(Extraction extraction) =>
        $"{extraction.State}{(extraction.Reason.Length > 0 ? $" ({extraction.Reason}{(extraction.Message.Length > 0 ? $": {extraction.Message}" : "")})" : "")}";

    private static string Remaining(Extraction extraction) =>
        extraction.Remaining is { } left && extraction.State == ExtractionState.Running ? $", ETA {left.ToTimeSpan():d\\.hh\\:mm\\:ss}" : "";
}
