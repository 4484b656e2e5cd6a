using System.Globalization;
using System.Text.Json.Serialization;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>Which run of a sweep it is.</summary>
/// <param name="Dataset">What the plan calls the rows.</param>
/// <param name="Student">A preset or a model.</param>
/// <param name="Labels">The label source.</param>
/// <param name="Fraction">The part of the rows.</param>
/// <param name="Variant">How they are learnt.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Point">Number of the settings that are tried, from 0; null of a run that counts.</param>
internal sealed record Cell(string Dataset, string Student, string Labels, double Fraction, string Variant, long Seed, int? Point = null)
{
    /// <summary>Its name for people.</summary>
    [JsonIgnore]
    public string Text => string.Create(CultureInfo.InvariantCulture, $"{Variant}, {Dataset} x {Fraction:0.####}, {Labels}, {Student}, seed {Seed}{(Point is { } point ? $", settings {point + 1}" : "")}");

    /// <summary>Its name among files: letters, digits, '-', '_', '.' and '~'.</summary>
    [JsonIgnore]
    public string Key => string.Concat(
        string.Create(CultureInfo.InvariantCulture, $"{(Point is { } point ? $"tune{point + 1}" : "run")}~{Dataset}~{Student}~{Labels}~{Fraction:0.######}~{Variant}~{Seed}")
            .Select(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '.' or '~' ? letter : '_'));
}
