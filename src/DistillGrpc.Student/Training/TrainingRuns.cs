using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Training;

/// <summary>The runs that there are at once. The service ends only after them: a process that leaves while libtorch works crashes.</summary>
internal sealed class TrainingRuns(StudentOptions options) : IAsyncDisposable
{
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);

    /// <summary>Takes a place for a run that makes a model; disposing gives it back.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED or ALREADY_EXISTS.</exception>
    public IDisposable Enter(string modelId)
    {
        lock (_places)
        {
            if (_places.Count >= options.MaxRuns)
            {
                throw RpcFailure.ResourceExhausted("TOO_MANY_RUNS", $"{_places.Count} runs are under way.", TimeSpan.FromSeconds(30));
            }

            var place = new Place(this, modelId);
            return _places.TryAdd(modelId, place) ? place : throw RpcFailure.AlreadyExists("RUN_EXISTS", $"A run that makes models/{modelId} is under way.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task[] left;
        lock (_places)
        {
            left = [.. _places.Values.Select(place => place.Left)];
        }

        await Task.WhenAll(left);
    }

    private sealed class Place(TrainingRuns runs, string modelId) : IDisposable
    {
        private readonly TaskCompletionSource _left = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public Task Left => _left.Task;

        public void Dispose()
        {
            lock (runs._places)
            {
                runs._places.Remove(modelId);
            }

            _left.TrySetResult();
        }
    }
}
