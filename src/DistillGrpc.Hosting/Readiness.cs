using Microsoft.Extensions.Hosting;

namespace DistillGrpc.Hosting;

/// <summary>Whether a service may be asked: not before it has warmed up, nor when it is being stopped. Health says SERVING only in between.</summary>
public sealed class Readiness(IHostApplicationLifetime lifetime)
{
    private volatile bool _isReady;

    /// <summary>Whether the service is ready.</summary>
    public bool IsReady
    {
        get => _isReady && !lifetime.ApplicationStopping.IsCancellationRequested;
        set => _isReady = value;
    }
}
