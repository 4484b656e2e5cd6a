using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Models;

/// <summary>How requests under a model's plain name are divided among its versions, as it is kept with the model.</summary>
internal sealed record TrafficPolicy
{
    private const string DefaultCanary = "canary";
    private const string DefaultShadow = "shadow";

    /// <summary>The alias of the version that gets a share.</summary>
    public string CanaryAlias { get; init; } = DefaultCanary;

    /// <summary>That share, 0 to 100.</summary>
    public double CanaryPercent { get; init; }

    /// <summary>The alias of the version that is asked besides.</summary>
    public string ShadowAlias { get; init; } = DefaultShadow;

    /// <summary>How many it is asked besides, 0 to 100.</summary>
    public double ShadowPercent { get; init; }

    /// <summary>Reads a message; null where it divides nothing.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static TrafficPolicy? Read(ModelTraffic? traffic)
    {
        traffic ??= new ModelTraffic();
        RequirePercent(traffic.CanaryPercent, "traffic.canary_percent");
        RequirePercent(traffic.ShadowPercent, "traffic.shadow_percent");
        var policy = new TrafficPolicy
        {
            CanaryAlias = AliasOf(traffic.CanaryAlias, DefaultCanary, "traffic.canary_alias"),
            CanaryPercent = traffic.CanaryPercent,
            ShadowAlias = AliasOf(traffic.ShadowAlias, DefaultShadow, "traffic.shadow_alias"),
            ShadowPercent = traffic.ShadowPercent,
        };
        return policy is { CanaryPercent: 0, ShadowPercent: 0 } ? null : policy;
    }

    public ModelTraffic Describe() => new() { CanaryAlias = CanaryAlias, CanaryPercent = CanaryPercent, ShadowAlias = ShadowAlias, ShadowPercent = ShadowPercent };

    // Also of what is no number.
    private static void RequirePercent(double percent, string field) => RpcFailure.Require(percent is >= 0 and <= 100, field, "must be 0 to 100");

    private static string AliasOf(string given, string otherwise, string field)
    {
        RpcFailure.Require(given.Length == 0 || ModelName.IsId(given), field, "must have 1 to 63 of a-z, 0-9 and '-', a letter first");
        RpcFailure.Require(given != ModelName.Stable, field, $"cannot be '{ModelName.Stable}': that is what it stands beside");
        return given.Length == 0 ? otherwise : given;
    }
}
