using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Datasets;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>Says what a job would be, without one. One at a time: it takes what training takes, for a few steps.</summary>
internal sealed class JobValidation(DatasetStore datasets, ModelCatalog catalog, StudentOptions options) : IDisposable
{
    private readonly SemaphoreSlim _one = new(1);

    /// <summary>Finds it out.</summary>
    /// <exception cref="Grpc.Core.RpcException">The rows cannot be learnt from, or the models do not fit.</exception>
    public async Task<TrainingValidation> RunAsync(RunSpec spec, CancellationToken cancellationToken)
    {
        await _one.WaitAsync(cancellationToken);
        try
        {
            var rows = Read(spec.Source.Dataset, "spec.dataset");
            var heldOut = Read(spec.Source.EvaluationDataset, "spec.evaluation_dataset");
            var sources = new RunSources(
                spec.Source.BaseModel.Length > 0 ? catalog.Find(spec.Source.BaseModel, "spec.base_model").Directory : null,
                spec.Local is { } local ? catalog.Find(local.Model, "spec.local_teacher.model").Directory : null);
            return await OwnThread.RunAsync("validate", () => new RunValidation(spec, rows, heldOut, sources, cancellationToken).Run(options.TrainingThreads));
        }
        finally
        {
            _one.Release();
        }
    }

    public void Dispose() => _one.Dispose();

    private Example[] Read(string dataset, string field) => dataset.Length > 0 ? [.. datasets.Read(datasets.Find(dataset, field))] : [];
}
