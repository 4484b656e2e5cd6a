using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Datasets;

/// <summary>Which rows belong together, as people write it.</summary>
internal static class GroupingText
{
    /// <summary>What may be written.</summary>
    public const string Forms = "group, segment:N or none";

    private const string Segment = "segment:";

    /// <summary>Reads it; null where it is none.</summary>
    public static Grouping? Parse(string given) => given switch
    {
        "group" => new Grouping { Kind = GroupingKind.Group },
        "none" => new Grouping { Kind = GroupingKind.None },
        _ when given.StartsWith(Segment, StringComparison.Ordinal) && int.TryParse(given.AsSpan(Segment.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var segment) =>
            new Grouping { Kind = GroupingKind.Segment, Segment = segment },
        _ => null,
    };
}
