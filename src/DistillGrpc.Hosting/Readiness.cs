using Microsoft.Extensions.Diagnostics.HealthChecks;

namespace DistillGrpc.Hosting;

/// <summary>Whether a service may be asked: not before it has warmed up. Health says SERVING only then.</summary>
public sealed class Readiness : IHealthCheck
{
    private volatile bool _isReady;

    /// <summary>Whether the service is ready.</summary>
    public bool IsReady
    {
        get => _isReady;
        set => _isReady = value;
    }

    /// <inheritdoc/>
    public Task<HealthCheckResult> CheckHealthAsync(HealthCheckContext context, CancellationToken cancellationToken = default) =>
        Task.FromResult(IsReady ? HealthCheckResult.Healthy() : HealthCheckResult.Unhealthy("not ready yet"));
}
