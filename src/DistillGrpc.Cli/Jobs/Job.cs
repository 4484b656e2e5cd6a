using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Jobs;

/// <summary>Names and states of extractions, as people write and read them.</summary>
internal static class Job
{
    private const string Collection = "extractions/";

    /// <summary>The name of one that is given by its name or its id.</summary>
    public static string Name(string given) => given.StartsWith(Collection, StringComparison.Ordinal) ? given : Collection + given;

    /// <summary>The id of one that is given by its name or its id.</summary>
    public static string Id(string given) => Name(given)[Collection.Length..];

    /// <summary>It does nothing, and will not by itself, though inputs are left.</summary>
    public static bool IsHeld(Extraction extraction) => extraction.State is ExtractionState.Paused or ExtractionState.OutOfBudget or ExtractionState.Failed;

    /// <summary>It will never do anything again.</summary>
    public static bool HasEnded(Extraction extraction) => extraction.State is ExtractionState.Succeeded or ExtractionState.Cancelled;

    /// <summary>How to have one that is held go on.</summary>
    public static string Resume(Extraction extraction) =>
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

    /// <summary>Its state, and why.</summary>
    public static string State(Extraction extraction) =>
        $"{extraction.State}{(extraction.Reason.Length > 0 ? $" ({extraction.Reason}{(extraction.Message.Length > 0 ? $": {extraction.Message}" : "")})" : "")}";

    private static string Remaining(Extraction extraction) =>
        extraction.Remaining is { } left && extraction.State == ExtractionState.Running ? $", ETA {left.ToTimeSpan():d\\.hh\\:mm\\:ss}" : "";
}
