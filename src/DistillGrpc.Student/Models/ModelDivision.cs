using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Models;

/// <summary>A model's traffic policy with what has come of it since it was set, or the process began. Used by any thread.</summary>
internal sealed class ModelDivision(TrafficPolicy policy)
{
    private volatile ShadowFigures? _shadow;
    private long _stable;
    private long _canary;

    public TrafficPolicy Policy => policy;

    /// <summary>Where the shadow that there is now is compared with the version that answers now; null without either.</summary>
    public ShadowFigures? Shadow => _shadow;

    /// <summary>
    /// Says who is compared; by one caller at a time, whenever that may have changed. Figures of two pairs would say nothing of either: another pair begins anew, and what is still
    /// under way counts among the figures that it began with, which nobody reads any more.
    /// </summary>
    /// <param name="version">The version that answers, by name; null where there is none.</param>
    /// <param name="shadow">The shadow, likewise.</param>
    public void Compare(string? version, string? shadow) =>
        _shadow = version is null || shadow is null ? null : _shadow is { } same && same.AreOf(version, shadow) ? same : new ShadowFigures(version, shadow);

    /// <summary>A request was given to the canary, or to the plain version.</summary>
    public void Given(bool toCanary) => Interlocked.Increment(ref toCanary ? ref _canary : ref _stable);

    public ModelTrafficStatus Describe() => new() { StableRequests = Interlocked.Read(ref _stable), CanaryRequests = Interlocked.Read(ref _canary), Shadow = _shadow?.Describe() };
}
