using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Models;

/// <summary>What has come of a shadow beside the version that it is compared with. Used by any thread.</summary>
/// <param name="version">The version that answers, by name.</param>
/// <param name="shadow">The shadow, by name.</param>
internal sealed class ShadowFigures(string version, string shadow)
{
    private readonly Lock _lock = new();
    private readonly ShadowComparison _counts = new() { Version = version, ShadowVersion = shadow };
    private double _seconds;
    private double _shadowSeconds;

    /// <summary>Whether they are these two's.</summary>
    public bool AreOf(string one, string other) => version == one && shadow == other;

    /// <summary>Both have answered a request.</summary>
    public void Compared(bool isEqual, TimeSpan spent, TimeSpan shadowSpent)
    {
        lock (_lock)
        {
            _counts.Compared++;
            _counts.EqualLabels += isEqual ? 1 : 0;
            (_seconds, _shadowSeconds) = (_seconds + spent.TotalSeconds, _shadowSeconds + shadowSpent.TotalSeconds);
        }
    }

    /// <summary>The shadow could not answer.</summary>
    public void Failed()
    {
        lock (_lock)
        {
            _counts.Failed++;
        }
    }

    /// <summary>The shadow was not asked.</summary>
    public void Dropped()
    {
        lock (_lock)
        {
            _counts.Dropped++;
        }
    }

    /// <summary>The figures; null where no request was meant for the shadow.</summary>
    public ShadowComparison? Describe()
    {
        lock (_lock)
        {
            var described = _counts.Clone();
            (described.MeanSeconds, described.ShadowMeanSeconds) = _counts.Compared == 0 ? (0, 0) : (_seconds / _counts.Compared, _shadowSeconds / _counts.Compared);
            return _counts.Compared + _counts.Failed + _counts.Dropped > 0 ? described : null;
        }
    }
}
