using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Student.Datasets;

/// <summary>Whether a row can be a dataset's.</summary>
internal static class RowCheck
{
    /// <summary>Longest id, in characters.</summary>
    public const int MaxIdLength = 200;

    /// <summary>Most segments of an input.</summary>
    public const int MaxSegments = 64;

    private const double Tolerance = 0.01;
    private const long FirstSecond = -62_135_596_800;
    private const long LastSecond = 253_402_300_799;

    /// <summary>What is wrong with a row, its first wrong field named; null where nothing is.</summary>
    public static RowError? ErrorOf(Example row) =>
        row.Id.Length is 0 or > MaxIdLength ? Refused("row.id", $"must have 1 to {MaxIdLength} characters")
        : row.Id.Any(char.IsControl) ? Refused("row.id", "must have no control characters")
        : row.Segments.Count is 0 or > MaxSegments ? Refused("row.segments", $"must hold 1 to {MaxSegments} texts")
        : Blank(row.Segments) is >= 0 and var empty ? Refused($"row.segments[{empty}]", "must not be empty")
        : IsBlank(row.Label) ? Refused("row.label", "must not be white space alone")
        : IsBlank(row.TeacherLabel) ? Refused("row.teacher_label", "must not be white space alone")
        : IsBlank(row.Rationale) ? Refused("row.rationale", "must not be white space alone")
        : row.Teaching is { } teaching ? ErrorOf(row, teaching)
        : null;

    /// <summary>INVALID_ARGUMENT.</summary>
    public static RowError Refused(string field, string message, string reason = "INVALID_FIELD") =>
        new() { Code = (int)StatusCode.InvalidArgument, Reason = reason, Message = message, Field = field };

    // "not >=" also refuses NaN.
    private static RowError? ErrorOf(Example row, Teaching teaching)
    {
        const string name = "row.teaching";
        var labels = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (i, label) in teaching.LabelDistribution.Index())
        {
            var field = $"{name}.label_distribution[{i}]";
            if (string.IsNullOrWhiteSpace(label.Label) || !labels.Add(label.Label))
            {
                return Refused($"{field}.label", "must not be empty, nor come twice");
            }

            if (label.Probability is not (>= 0 and <= 1))
            {
                return Refused($"{field}.probability", "must be between 0 and 1");
            }
        }

        foreach (var (i, position) in teaching.Tokens.Index())
        {
            var wrong = IndexOf(position.Tokens, token => token.LogProbability is not (> double.NegativeInfinity and <= Tolerance));
            if (position.Tokens.Count == 0 || wrong >= 0)
            {
                return wrong < 0 ? Refused($"{name}.tokens[{i}].tokens", "must hold at least one") : Refused($"{name}.tokens[{i}].tokens[{wrong}].log_probability", "must be a finite number that is not above 0");
            }
        }

        return teaching.LabelDistribution.Count > 0 && Math.Abs(teaching.LabelDistribution.Sum(label => label.Probability) - 1) > Tolerance ? Refused($"{name}.label_distribution", "must add up to 1")
            : Blank(teaching.Rationales) is >= 0 and var empty ? Refused($"{name}.rationales[{empty}]", "must not be empty")
            : teaching.Rationales.Count > 0 && row.Rationale.Length == 0 ? Refused($"{name}.rationales", "are further ones: rationale holds the first")
            : teaching.Agreement is not (>= 0 and <= 1) ? Refused($"{name}.agreement", "must be between 0 and 1")
            : teaching.Provenance?.CreateTime is { } time && (time.Seconds is < FirstSecond or > LastSecond || time.Nanos is < 0 or > 999_999_999) ? Refused($"{name}.provenance.create_time", "is no time")
            : null;
    }

    private static bool IsBlank(string text) => text.Length > 0 && string.IsNullOrWhiteSpace(text);

    private static int Blank(IEnumerable<string> texts) => IndexOf(texts, string.IsNullOrWhiteSpace);

    private static int IndexOf<T>(IEnumerable<T> items, Predicate<T> isMeant)
    {
        foreach (var (i, item) in items.Index())
        {
            if (isMeant(item))
            {
                return i;
            }
        }

        return -1;
    }
}
