using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Datasets;

/// <summary>The calls at once that keep keys of rows in memory.</summary>
internal sealed class DatasetCalls(StudentOptions options)
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private int _count;

    /// <summary>Takes a place; disposing gives it back.</summary>
    /// <exception cref="Grpc.Core.RpcException">RESOURCE_EXHAUSTED.</exception>
    public IDisposable Enter()
    {
        if (Interlocked.Increment(ref _count) > options.MaxUploads)
        {
            Interlocked.Decrement(ref _count);
            throw RpcFailure.ResourceExhausted("TOO_MANY_UPLOADS", $"{options.MaxUploads} uploads, imports, splits and comparisons are under way.", RetryAfter);
        }

        return new Place(this);
    }

    private sealed class Place(DatasetCalls calls) : IDisposable
    {
        private int _isLeft;

        public void Dispose()
        {
            if (Interlocked.Exchange(ref _isLeft, 1) == 0)
            {
                Interlocked.Decrement(ref calls._count);
            }
        }
    }
}
