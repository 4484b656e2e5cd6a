using System.Diagnostics;
using static TorchSharp.torch;

namespace DistillGrpc.Benchmarks.Training;

/// <summary>libtorch's own float32 matrix product, the measure of what the machine gives at the moment: 1024 x 1024 by 1024 x 1024, small beside a model's memory.</summary>
internal sealed class MatrixProduct : IDisposable
{
    private const int Size = 1024;
    private const int Repeats = 10;
    private readonly Tensor _left = randn(Size, Size);
    private readonly Tensor _right = randn(Size, Size);

    /// <summary>Operations a second, the best of a few.</summary>
    public double Measure()
    {
        var best = TimeSpan.MaxValue;
        for (var i = 0; i < Repeats; i++)
        {
            var started = Stopwatch.GetTimestamp();
            using var product = matmul(_left, _right);
            var took = Stopwatch.GetElapsedTime(started);
            best = took < best ? took : best;
        }

        return 2.0 * Size * Size * Size / best.TotalSeconds;
    }

    public void Dispose()
    {
        _left.Dispose();
        _right.Dispose();
    }
}
