using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Models;

/// <summary>Loads all models when the service starts: they are known before it listens, and it is ready when they are warm.</summary>
internal sealed class ModelLoading(ModelCatalog catalog, Readiness readiness, IHostApplicationLifetime lifetime, ILogger<ModelLoading> logger) : BackgroundService
{
    private Task _loading = Task.CompletedTask;

    public override Task StartAsync(CancellationToken cancellationToken)
    {
        _loading = catalog.LoadAllAsync();
        return base.StartAsync(cancellationToken);
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await _loading;
            readiness.IsReady = true;
        }
        catch (Exception failure)
        {
            StudentLog.LoadingFailed(logger, failure);
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }
}
