using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Models;

/// <summary>Loads all models when the service starts; it is ready when they are warm.</summary>
internal sealed class ModelLoading(ModelCatalog catalog, Readiness readiness) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await catalog.LoadAllAsync();
        readiness.IsReady = true;
    }
}
