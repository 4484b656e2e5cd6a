using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Models;

/// <summary>How int8 did beside float32, as text.</summary>
internal static class Int8Text
{
    public static string Of(Int8Check check) =>
        $"{check.EqualLabels} of {check.Rows} labels agree{Loss(check)}: {(check.Passed ? "passed" : check.Refusal)}";

    private static string Loss(Int8Check check) => check.RationaleRows == 0 || check.Float32RationaleLoss == 0 ? "" : string.Create(
        CultureInfo.InvariantCulture,
        $", rationale loss {check.Float32RationaleLoss:0.0000} in float32 and {check.Int8RationaleLoss:0.0000} in int8 ({check.Int8RationaleLoss / check.Float32RationaleLoss - 1:+0.00%;-0.00%;0.00%}) on {check.RationaleRows} rows");
}
