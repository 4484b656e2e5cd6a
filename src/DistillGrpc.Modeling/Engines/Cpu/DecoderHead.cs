using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines.Cpu.Kernels;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>From a step's last hidden states to logits: of all the vocabulary, or of the tokens that a row asks for.</summary>
internal sealed unsafe class DecoderHead : IDisposable
{
    // Columns of sums that stay near; a late thread is not waited for long.
    private const int Columns = 256;
    private readonly CpuWeights _weights;
    private readonly NativeArray<float> _norm;
    private readonly int _pieces;
    // Of each row and piece the largest logit, found while they are near.
    private float[] _largest = [];

    public DecoderHead(CpuWeights weights)
    {
        (_weights, _pieces) = (weights, (weights.Config.VocabularySize + Columns - 1) / Columns);
        _norm = new NativeArray<float>(RowMath.Padded(weights.Config.ModelSize));
        var scale = weights.Config.ScaleDecoderOutputs ? 1 / MathF.Sqrt(weights.Config.ModelSize) : 1;
        for (var i = 0; i < _norm.Length; i++)
        {
            _norm.Pointer[i] = weights.DecoderNorm.Pointer[i] * scale;
        }
    }

    /// <summary>The last norm, with T5 v1.0's scale of the output in it.</summary>
    public float* Norm => _norm.Pointer;

    /// <summary>Takes so many rows that want all.</summary>
    public void Begin(int full)
    {
        if (_largest.Length < full * _pieces)
        {
            _largest = new float[2 * full * _pieces];
        }
    }

    /// <summary>The token with a row's largest logit, or -1 where one is no finite number.</summary>
    /// <param name="row">One that wanted all.</param>
    /// <param name="logits">(V), its own.</param>
    public int Likeliest(int row, ReadOnlySpan<float> logits)
    {
        var largest = _largest.AsSpan(row * _pieces, _pieces);
        var max = LogitMath.FiniteMax(largest);
        if (float.IsNaN(max))
        {
            return -1;
        }

        var first = largest.IndexOf(max) * Columns;
        return first + logits.Slice(first, Math.Min(Columns, logits.Length - first)).IndexOf(max);
    }

    /// <summary>A thread's part.</summary>
    /// <param name="worker">The thread.</param>
    /// <param name="own">Its memory.</param>
    /// <param name="normed">The rows.</param>
    /// <param name="rows">What they ask for, those that want all first.</param>
    /// <param name="places">Where each row's logits belong.</param>
    /// <param name="full">Rows that want all.</param>
    /// <param name="logits">(rows, V), written.</param>
    public void Work(Worker worker, CpuScratch own, Activations normed, ReadOnlySpan<StepRow> rows, int[] places, int full, float* logits)
    {
        var vocabulary = _weights.Config.VocabularySize;
        var pieces = full == 0 ? 0 : _pieces;
        while (worker.Take(pieces + rows.Length - full, out var item))
        {
            if (item >= pieces)
            {
                var row = full + item - pieces;
                Some(normed, row, rows[row].Candidates!, logits + (nint)places[row] * vocabulary);
                continue;
            }

            // The few rows that want less are multiplied with all the same: the weights are read once.
            var first = item * Columns;
            var count = Math.Min(Columns, vocabulary - first);
            _weights.Head.Multiply(normed, first, count, own.Sums);
            for (var row = 0; row < full; row++)
            {
                var to = logits + (nint)places[row] * vocabulary + first;
                _weights.Head.Row(normed, row, first, count, own.Sums, to);
                _largest[row * _pieces + item] = LogitMath.FiniteMax(new ReadOnlySpan<float>(to, count));
            }
        }
    }

    // Of a panel that has several of them all is computed: its columns lie side by side, and are read together anyhow.
    private void Some(Activations normed, int row, ReadOnlySpan<int> candidates, float* logits)
    {
        var products = stackalloc float[Panels.Width];
        for (int i = 0, next; i < candidates.Length; i = next)
        {
            var panel = candidates[i] / Panels.Width * Panels.Width;
            for (next = i + 1; next < candidates.Length && candidates[next] < panel + Panels.Width; next++)
            {
            }

            if (next == i + 1)
            {
                logits[candidates[i]] = _weights.Head.Dot(normed, row, candidates[i]);
                continue;
            }

            _weights.Head.Panel(normed, row, panel, Math.Min(Panels.Width, _weights.Head.Columns - panel), products);
            foreach (var column in candidates[i..next])
            {
                logits[column] = products[column - panel];
            }
        }
    }

    public void Dispose() => _norm.Dispose();
}
