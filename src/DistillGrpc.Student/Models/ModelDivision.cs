using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Models;

/// <summary>A model's traffic policy with what has come of it since it was set, or the process began. Used by any thread.</summary>
internal sealed class ModelDivision(TrafficPolicy policy)
{
    private readonly Lock _lock = new();
    private ShadowComparison? _shadow;
    private double _seconds;
    private double _shadowSeconds;
    private long _stable;
    private long _canary;

    public TrafficPolicy Policy => policy;

    /// <summary>A request was given to the canary, or to the plain version.</summary>
    public void Given(bool toCanary) => Interlocked.Increment(ref toCanary ? ref _canary : ref _stable);

    /// <summary>Both have answered a request.</summary>
    public void Compared(string version, string shadow, bool isEqual, TimeSpan spent, TimeSpan shadowSpent)
    {
        lock (_lock)
        {
            var pair = Of(version, shadow);
            pair.Compared++;
            pair.EqualLabels += isEqual ? 1 : 0;
            (_seconds, _shadowSeconds) = (_seconds + spent.TotalSeconds, _shadowSeconds + shadowSpent.TotalSeconds);
        }
    }

    /// <summary>The shadow could not answer.</summary>
    public void Failed(string version, string shadow)
    {
        lock (_lock)
        {
            Of(version, shadow).Failed++;
        }
    }

    /// <summary>The shadow was not asked.</summary>
    public void Dropped(string version, string shadow)
    {
        lock (_lock)
        {
            Of(version, shadow).Dropped++;
        }
    }

    public ModelTrafficStatus Describe()
    {
        var status = new ModelTrafficStatus { StableRequests = Interlocked.Read(ref _stable), CanaryRequests = Interlocked.Read(ref _canary) };
        lock (_lock)
        {
            if (_shadow is not null)
            {
                status.Shadow = _shadow.Clone();
                status.Shadow.MeanSeconds = _shadow.Compared == 0 ? 0 : _seconds / _shadow.Compared;
                status.Shadow.ShadowMeanSeconds = _shadow.Compared == 0 ? 0 : _shadowSeconds / _shadow.Compared;
            }
        }

        return status;
    }

    // Figures of two pairs would say nothing of either.
    private ShadowComparison Of(string version, string shadow)
    {
        if (_shadow is null || _shadow.Version != version || _shadow.ShadowVersion != shadow)
        {
            (_shadow, _seconds, _shadowSeconds) = (new ShadowComparison { Version = version, ShadowVersion = shadow }, 0, 0);
        }

        return _shadow;
    }
}
