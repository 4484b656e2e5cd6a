using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Models;

/// <summary>Whether a version may answer in int8: only where that is as good as float32, on enough rows to tell.</summary>
internal static class Int8Guard
{
    /// <summary>Rows that have to be compared, and as many rationales.</summary>
    public const int LeastRows = 200;

    /// <summary>Of 1000 labels, those that have to agree.</summary>
    private const int LeastAgreement = 995;

    /// <summary>How far the rationale loss may rise, as a part of float32's.</summary>
    private const double MostRise = 0.005;

    /// <summary>Says of figures whether they pass, and why not.</summary>
    /// <exception cref="InvalidDataException">They cannot be figures of a comparison.</exception>
    public static Int8Check Decide(Int8Check figures)
    {
        var decided = figures.Clone();
        decided.Refusal = RefusalOf(figures);
        decided.Passed = decided.Refusal.Length == 0;
        return decided;
    }

    /// <summary>Why a version does not answer in int8; empty where it does.</summary>
    /// <param name="setting">What the operator has set.</param>
    /// <param name="check">The version's check; null where it has none.</param>
    public static string Refusal(PrecisionSetting setting, Int8Check? check) => setting switch
    {
        PrecisionSetting.Int8 => "",
        PrecisionSetting.Float32 => "the setting Precision is float32",
        _ => check?.Refusal ?? "it was not compared with float32",
    };

    private static string RefusalOf(Int8Check figures)
    {
        if (figures.Rows < 0 || figures.EqualLabels < 0 || figures.EqualLabels > figures.Rows || figures.RationaleRows < 0)
        {
            throw new InvalidDataException("Rows were counted that there cannot be.");
        }

        var (float32, int8) = (figures.Float32RationaleLoss, figures.Int8RationaleLoss);
        return figures.Rows < LeastRows ? $"labels were compared on {figures.Rows} rows, of at least {LeastRows}"
            : figures.EqualLabels * 1000L < figures.Rows * (long)LeastAgreement ? Text($"{figures.EqualLabels} of {figures.Rows} labels agree, and {LeastAgreement / 1000.0:0.0%} have to")
            : figures.LacksRationales ? ""
            : figures.RationaleRows < LeastRows ? $"rationales were compared on {figures.RationaleRows} rows, of at least {LeastRows}"
            // Also where one is no finite number.
            : !(double.IsFinite(float32) && int8 >= 0 && int8 <= float32 * (1 + MostRise)) ? Text($"the rationale loss goes from {float32:0.0000} to {int8:0.0000} nats, and may rise by {MostRise:0.0%}")
            : "";
    }

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
