using System.Globalization;
using System.Text.RegularExpressions;
using DistillGrpc.Cli.Datasets;
using DistillGrpc.Cli.Training;
using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Cli.Sweep.Plans;

/// <summary>What a plan may say, whether it is a file or options. What is refused says why, and whoever asked puts in front where it stands.</summary>
internal static partial class PlanValues
{
    public static string Name(string text) => NamePattern().IsMatch(text) ? text : throw Refused(text, "must have 1 to 24 of a-z, 0-9 and '-', a letter first");

    /// <summary>The same shape, but longer: names of variants and datasets are shown, and stand in file names.</summary>
    public static string Label(string text) => LabelPattern().IsMatch(text) ? text : throw Refused(text, "must have 1 to 40 of letters, digits, '-', '_' and '.'");

    public static double Fraction(string text) => Number(text) is > 0 and <= 1 and var fraction ? fraction : throw Refused(text, "must be above 0 and at most 1");

    public static double Development(string text) => Number(text) is > 0 and <= 0.5 and var share ? share : throw Refused(text, "must be above 0 and at most 0.5");

    public static long Seed(string text) => long.TryParse(text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seed) ? seed : throw Refused(text, "must be a whole number");

    public static string Student(string text) => T5Preset.Names.Contains(text) || text.StartsWith("models/", StringComparison.Ordinal)
        ? text
        : throw Refused(text, $"must be one of {string.Join(", ", T5Preset.Names)}, or models/ID");

    public static string Labels(string text) => TrainingOptions.LabelSources.ContainsKey(text) ? text : throw Refused(text, "must be gold, teacher or gold-else-teacher");

    public static Compute Compute(string text) => text switch
    {
        "equal-steps" => Plans.Compute.EqualSteps,
        "equal-compute" => Plans.Compute.EqualCompute,
        "both" => Plans.Compute.Both,
        _ => throw Refused(text, "must be equal-steps, equal-compute or both"),
    };

    public static string GroupBy(string text) => GroupingText.Parse(text) is null ? throw Refused(text, $"must be {GroupingText.Forms}") : text;

    /// <summary>Fields that all variants must have alike, or they are not compared at equal steps.</summary>
    public static SpecFields OfVariant(SpecFields fields) => fields.Names.FirstOrDefault(name => name is "steps" or "batch_size") is { } name
        ? throw new InvalidDataException($"'{name}' must be the same for all variants: it belongs to the spec of all runs")
        : fields;

    /// <summary>No two alike.</summary>
    public static IReadOnlyList<T> Distinct<T>(IReadOnlyList<T> values, Func<T, object?> key) =>
        values.Count == 0 ? throw new InvalidDataException("there is nothing")
        : values.GroupBy(key).FirstOrDefault(same => same.Count() > 1) is { Key: var twice } ? throw new InvalidDataException($"'{twice}' comes twice")
        : values;

    private static double Number(string text) => double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : throw Refused(text, "must be a number such as 0.5");

    private static InvalidDataException Refused(string text, string why) => new($"'{text}' {why}");

    [GeneratedRegex(@"^[a-z][a-z0-9-]{0,23}\z", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();

    [GeneratedRegex(@"^[A-Za-z0-9][A-Za-z0-9._-]{0,39}\z", RegexOptions.CultureInvariant)]
    private static partial Regex LabelPattern();
}
