using System.Runtime.InteropServices;
using DistillGrpc.Modeling.Engines.Cpu.Attention;
using DistillGrpc.Modeling.Engines.Cpu.Kernels;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>
/// A step of the decoder for any sequences. Every weight is read once, by one thread; an attention's queries, keys, values and contexts are a head's
/// matter, so that a layer has six places where threads meet.
/// </summary>
internal sealed unsafe class DecoderStep(CpuWeights weights, CachedAttention attention, AttentionShape shape, Precision precision, bool hasTiles, CpuScratch[] scratch) : IDisposable
{
    // With so few rows every thread makes its own copy of what is multiplied: cheaper than to meet.
    private const int OwnRows = 2;
    // Pieces of a layer's columns, for each thread: the more, the less one waits for another that was interrupted.
    private const int Pieces = 3;
    private readonly int _model = RowMath.Padded(weights.Config.ModelSize);
    private readonly int _inner = RowMath.Padded(weights.Config.Heads * weights.Config.HeadSize);
    private readonly int _wide = RowMath.Padded(weights.Config.FeedForwardSize);
    private readonly float _epsilon = (float)weights.Config.LayerNormEpsilon;
    private readonly Activations _shared = new(precision, hasTiles);
    private readonly DecoderHead _head = new(weights);
    private readonly List<StepRow> _rows = [];
    private NativeArray<float>? _hidden;
    private NativeArray<float>? _context;
    private NativeArray<float>? _activated;
    private CpuSequence[] _sequences = [];
    private int[] _places = [];
    private int _full;
    private float* _logits;
    private Action<Worker>? _work;

    /// <summary>What each thread of a team does.</summary>
    public Action<Worker> Work => _work ??= Run;

    /// <summary>Takes the rows of the next step.</summary>
    public void Begin(ReadOnlySpan<StepRow> rows, float* logits)
    {
        _logits = logits;
        if (_sequences.Length < rows.Length)
        {
            (_sequences, _places) = (new CpuSequence[2 * rows.Length], new int[2 * rows.Length]);
        }

        // Those that want all of the vocabulary first: they share the head's pass.
        _rows.Clear();
        AddRows(rows, isFull: true);
        _full = _rows.Count;
        AddRows(rows, isFull: false);
        _head.Begin(_full);
        _hidden = NativeArray<float>.AtLeast(_hidden, (long)rows.Length * _model);
        _context = NativeArray<float>.AtLeast(_context, (long)rows.Length * _inner);
        _activated = NativeArray<float>.AtLeast(_activated, (long)rows.Length * _wide);
    }

    /// <summary>Ends the step: the sequences know what is likeliest.</summary>
    /// <param name="logits">What it gave.</param>
    public void End(ReadOnlySpan<float> logits)
    {
        var vocabulary = weights.Config.VocabularySize;
        for (var row = 0; row < Rows; row++)
        {
            _sequences[row].Take(row < _full ? _head.Likeliest(row, logits.Slice(_places[row] * vocabulary, vocabulary)) : -1);
        }
    }

    public void Dispose()
    {
        _shared.Dispose();
        _hidden?.Dispose();
        _context?.Dispose();
        _activated?.Dispose();
        _head.Dispose();
    }

    private int Rows => _rows.Count;

    private void AddRows(ReadOnlySpan<StepRow> rows, bool isFull)
    {
        for (var i = 0; i < rows.Length; i++)
        {
            if (rows[i].Candidates is null == isFull)
            {
                (_sequences[_rows.Count], _places[_rows.Count]) = ((CpuSequence)rows[i].Sequence, i);
                _rows.Add(rows[i]);
            }
        }
    }

    private void Run(Worker worker)
    {
        var own = scratch[worker.Index];
        while (worker.Take(Rows, out var row))
        {
            weights.Embedding.Read(_rows[row].Token, _hidden!.Pointer + (nint)row * _model);
        }

        worker.Meet();
        for (var layer = 0; layer < weights.Decoder.Length; layer++)
        {
            var block = weights.Decoder[layer];
            SelfAttention(worker, own, block.Self, layer);
            Add(worker, own, _context!.Pointer, _inner, block.Self.Out);
            CrossAttention(worker, own, block.Cross!, layer);
            Add(worker, own, _context!.Pointer, _inner, block.Cross!.Out);
            Widen(worker, own, block.FeedForward);
            Add(worker, own, _activated!.Pointer, _wide, block.FeedForward.Out);
        }

        _head.Work(worker, own, Prepare(worker, own, _hidden!.Pointer, _model, _head.Norm), CollectionsMarshal.AsSpan(_rows), _places, _full, _logits);
    }

    private void SelfAttention(Worker worker, CpuScratch own, CpuAttentionWeights layerWeights, int layer)
    {
        var (heads, size) = (weights.Config.Heads, weights.Config.HeadSize);
        var normed = Prepare(worker, own, _hidden!.Pointer, _model, layerWeights.Norm.Pointer);
        while (worker.Take(heads, out var head))
        {
            layerWeights.Query.Multiply(normed, head * 3 * size, 3 * size, own.Sums);
            var products = own.SecondRow(3 * size);
            for (var row = 0; row < Rows; row++)
            {
                layerWeights.Query.Row(normed, row, head * 3 * size, 3 * size, own.Sums, products);
                var (sequence, at) = (_sequences[row], _sequences[row].Length);
                byte* keys = sequence.Store.Keys(layer, head), values = sequence.Store.Values(layer, head);
                attention.PutKey(Filled(own, products + size), shape.Width, keys, at);
                attention.PutValue(Filled(own, products + 2 * size), shape.Width, values, at);
                var ahead = row + 1 < Rows ? _sequences[row + 1].Store : null;
                Attend(own, products, keys, values, at + 1, weights.DecoderBias.Row(head, at), row, head, ahead, layer);
            }
        }

        worker.Meet();
    }

    private void CrossAttention(Worker worker, CpuScratch own, CpuAttentionWeights layerWeights, int layer)
    {
        var (heads, size) = (weights.Config.Heads, weights.Config.HeadSize);
        var normed = Prepare(worker, own, _hidden!.Pointer, _model, layerWeights.Norm.Pointer);
        while (worker.Take(heads, out var head))
        {
            layerWeights.Query.Multiply(normed, head * size, size, own.Sums);
            var query = own.SecondRow(size);
            for (var row = 0; row < Rows; row++)
            {
                layerWeights.Query.Row(normed, row, head * size, size, own.Sums, query);
                var input = _sequences[row].Input;
                var ahead = row + 1 < Rows ? _sequences[row + 1].Input : null;
                var isNear = ahead?.Length >= input.Length;
                Attend(own, query, input.Store.Keys(layer, head), input.Store.Values(layer, head), input.Length, null, row, head, isNear ? ahead!.Store : null, layer);
            }
        }

        worker.Meet();
    }

    private void Attend(
        CpuScratch own, float* query, byte* keys, byte* values, int length, float* bias, int row, int head, AttentionStore? ahead, int layer)
    {
        var scores = own.Attention(length + 16 + shape.Width);
        var context = scores + (length + 15) / 16 * 16;
        var size = weights.Config.HeadSize;
        byte* keysAhead = ahead is null ? null : ahead.Keys(layer, head), valuesAhead = ahead is null ? null : ahead.Values(layer, head);
        attention.Attend(query, keys, values, size, shape.Width, length, bias, scores, context, keysAhead, valuesAhead);
        new Span<float>(context, size).CopyTo(new Span<float>(_context!.Pointer + (nint)row * _inner + head * size, size));
    }

    // A head's numbers with zeros up to its width.
    private float* Filled(CpuScratch own, float* from)
    {
        var size = weights.Config.HeadSize;
        if (size == shape.Width)
        {
            return from;
        }

        var filled = own.Row(Math.Max(Math.Max(_model, _wide), shape.Width));
        new Span<float>(filled + size, shape.Width - size).Clear();
        new Span<float>(from, size).CopyTo(new Span<float>(filled, size));
        return filled;
    }

    private void Widen(Worker worker, CpuScratch own, CpuFeedForwardWeights dense)
    {
        var (size, isGated) = (weights.Config.FeedForwardSize, weights.Config.Gated);
        var normed = Prepare(worker, own, _hidden!.Pointer, _model, dense.Norm.Pointer);
        var piece = Piece(worker, size);
        while (worker.Take((size + piece - 1) / piece, out var item))
        {
            var first = item * piece;
            var count = Math.Min(piece, size - first);
            dense.In.Multiply(normed, first, count, own.Sums);
            if (isGated)
            {
                dense.In.Multiply(normed, size + first, count, own.Gates);
            }

            var products = own.SecondRow(2L * count);
            var gates = isGated ? products + count : null;
            for (var row = 0; row < Rows; row++)
            {
                dense.In.Row(normed, row, first, count, own.Sums, products);
                if (isGated)
                {
                    dense.In.Row(normed, row, size + first, count, own.Gates, gates);
                }

                RowMath.Activate(weights.Config.Activation, products, gates, count, _activated!.Pointer + (nint)row * _wide + first);
            }
        }

        worker.Meet();
    }

    private void Add(Worker worker, CpuScratch own, float* rows, int length, WeightMatrix matrix)
    {
        var prepared = Prepare(worker, own, rows, length, null);
        var piece = Piece(worker, matrix.Columns);
        while (worker.Take((matrix.Columns + piece - 1) / piece, out var item))
        {
            var first = item * piece;
            var count = Math.Min(piece, matrix.Columns - first);
            matrix.Multiply(prepared, first, count, own.Sums);
            var products = own.SecondRow(count);
            for (var row = 0; row < Rows; row++)
            {
                matrix.Row(prepared, row, first, count, own.Sums, products);
                RowMath.Add(products, count, _hidden!.Pointer + (nint)row * _model + first);
            }
        }

        worker.Meet();
    }

    private static int Piece(Worker worker, int columns) => Math.Max(1, (columns / (worker.Of * Pieces) + Panels.Width - 1) / Panels.Width) * Panels.Width;

    // The rows as they are multiplied, normed where there is a norm.
    private Activations Prepare(Worker worker, CpuScratch own, float* rows, int length, float* norm)
    {
        var isOwn = Rows <= OwnRows;
        var activations = isOwn ? own.Activations : _shared;
        if (!isOwn)
        {
            if (worker.Index == 0)
            {
                activations.Begin(Rows, length);
            }

            worker.Meet();
            while (worker.Take(Rows, out var row))
            {
                Set(row);
            }

            worker.Meet();
            return activations;
        }

        activations.Begin(Rows, length);
        for (var row = 0; row < Rows; row++)
        {
            Set(row);
        }

        return activations;

        void Set(int row)
        {
            var from = rows + (nint)row * length;
            if (norm is null)
            {
                activations.Set(row, from);
                return;
            }

            var to = own.Row(Math.Max(_model, _wide));
            RowMath.Norm(from, norm, length, weights.Config.ModelSize, _epsilon, to);
            activations.Set(row, to);
        }
    }
}
