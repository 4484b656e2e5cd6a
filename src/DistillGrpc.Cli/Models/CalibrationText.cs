using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Models;

/// <summary>How far probabilities can be trusted, as text.</summary>
internal static class CalibrationText
{
    public static string Of(Calibration calibration) => calibration is not { Before: { } before, After: { } after, Refusal: "" }
        ? $"none: {calibration.Refusal}"
        : Text($"temperature {calibration.Temperature:0.###} fitted to {calibration.FittedRows} rows; on {calibration.ReportRows} others the error goes from {before.CalibrationError:0.0%} to {after.CalibrationError:0.0%}, the log loss from {before.LogLoss:0.000} to {after.LogLoss:0.000}, the Brier score from {before.BrierScore:0.000} to {after.BrierScore:0.000}{Chosen(calibration)}");

    /// <summary>What answering only the surest rows is worth; empty where it is not known.</summary>
    public static string Risk(Calibration calibration) => calibration.Risks.Count == 0 ? "" : string.Join(", ",
        new[] { 0.5, 0.8, 0.9, 1 }.Select(share => calibration.Risks.First(point => point.Coverage >= share - 1e-9)).Distinct()
            .Select(point => Text($"{point.Risk:0.0%} of {point.Coverage:0%} (from probability {point.MinProbability:0.00})")).Append(Text($"area {calibration.RiskArea:0.000}")));

    private static string Chosen(Calibration calibration) => calibration.EarlyStoppingRows == 0 ? "" : Text($"; early stopping has chosen the student by {calibration.EarlyStoppingRows} of these, on which it does a little better than on others");

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
