using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Training;

/// <summary>How many runs there are at once.</summary>
internal sealed class TrainingRuns(StudentOptions options)
{
    private readonly HashSet<string> _models = new(StringComparer.Ordinal);

    /// <summary>Takes a place for a run that makes a model; disposing gives it back.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED or ALREADY_EXISTS.</exception>
    public IDisposable Enter(string modelId)
    {
        lock (_models)
        {
            if (_models.Count >= options.MaxRuns)
            {
                throw RpcFailure.ResourceExhausted("TOO_MANY_RUNS", $"{_models.Count} runs are under way.", TimeSpan.FromSeconds(30));
            }

            return _models.Add(modelId)
                ? new Place(this, modelId)
                : throw RpcFailure.AlreadyExists("RUN_EXISTS", $"A run that makes models/{modelId} is under way.");
        }
    }

    private sealed class Place(TrainingRuns runs, string modelId) : IDisposable
    {
        public void Dispose()
        {
            lock (runs._models)
            {
                runs._models.Remove(modelId);
            }
        }
    }
}
