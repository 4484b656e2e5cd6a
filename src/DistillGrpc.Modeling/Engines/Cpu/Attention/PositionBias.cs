using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Engines.Cpu.Attention;

/// <summary>The biases of relative positions, as rows that lie ready for a query; made for the longest input so far.</summary>
/// <param name="table">(buckets, heads), the model's weights.</param>
/// <param name="config">The shape.</param>
/// <param name="isDecoder">Only what lies before is seen.</param>
internal sealed unsafe class PositionBias(float[] table, T5Config config, bool isDecoder) : IDisposable
{
    // A vector that is read at a row's end may go beyond it.
    private const int Beyond = 16;
    private NativeArray<float>? _rows;
    private int _longest;

    /// <summary>Makes room for inputs, or answers, of a length. Not while others read.</summary>
    public void Reserve(int length)
    {
        if (length <= _longest)
        {
            return;
        }

        var longest = Math.Max(length, 2 * _longest);
        var rows = new NativeArray<float>((long)config.Heads * StrideOf(longest));
        _rows?.Dispose();
        (_rows, _longest) = (rows, longest);
        var positions = isDecoder ? _longest : 2 * _longest - 1;
        for (var i = 0; i < positions; i++)
        {
            var bucket = RelativePositionBuckets.Of(i - (_longest - 1), !isDecoder, config.RelativeBuckets, config.RelativeMaxDistance);
            for (var head = 0; head < config.Heads; head++)
            {
                _rows.Pointer[(nint)head * Stride + i] = table[bucket * config.Heads + head];
            }
        }
    }

    /// <summary>Biases of the keys 0, 1, ... for a query.</summary>
    /// <param name="head">The head.</param>
    /// <param name="query">The query's place.</param>
    public float* Row(int head, int query) => _rows!.Pointer + (nint)head * Stride + (_longest - 1 - query);

    public void Dispose() => _rows?.Dispose();

    private int Stride => StrideOf(_longest);

    private int StrideOf(int longest) => (isDecoder ? longest : 2 * longest - 1) + Beyond;
}
