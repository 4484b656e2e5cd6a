using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Models;

/// <summary>Loads all models when the service starts; it is ready when they are warm.</summary>
internal sealed class ModelLoading(ModelCatalog catalog, Readiness readiness, IHostApplicationLifetime lifetime, ILogger<ModelLoading> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        try
        {
            await catalog.LoadAllAsync();
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
