using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Models;

/// <summary>How a model's requests are divided, and what came of it, as a line.</summary>
internal static class TrafficText
{
    public static string Of(Model model) => model.Traffic is not { } traffic ? "stable gets all requests"
        : string.Join("; ", new[] { Canary(traffic, model.TrafficStatus ?? new ModelTrafficStatus()), Shadow(traffic, model.TrafficStatus?.Shadow) }.Where(part => part.Length > 0));

    private static string Canary(ModelTraffic traffic, ModelTrafficStatus status) => traffic.CanaryPercent == 0 ? "" : string.Create(
        CultureInfo.InvariantCulture, $"{traffic.CanaryAlias} gets {traffic.CanaryPercent}% of the requests ({status.CanaryRequests} so far, stable {status.StableRequests})");

    private static string Shadow(ModelTraffic traffic, ShadowComparison? shadow) => traffic.ShadowPercent == 0 ? "" : string.Create(
        CultureInfo.InvariantCulture, $"{traffic.ShadowAlias} answers {traffic.ShadowPercent}% besides{(shadow is null ? "" : Compared(shadow))}");

    private static string Compared(ShadowComparison shadow) => string.Create(
        CultureInfo.InvariantCulture,
        $": {shadow.EqualLabels} of {shadow.Compared} labels equal, {shadow.Failed} failed, {shadow.Dropped} dropped, {shadow.ShadowMeanSeconds * 1000:0.0} ms beside {shadow.MeanSeconds * 1000:0.0} ms");
}
