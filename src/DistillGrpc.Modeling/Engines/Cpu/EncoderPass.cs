using DistillGrpc.Modeling.Engines.Cpu.Attention;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>
/// The encoder's pass over any number of inputs, token behind token without padding. What concerns a token alone is done in blocks of tokens, from an
/// attention's end to the next one's queries; attention by input and head.
/// </summary>
internal sealed unsafe class EncoderPass(CpuWeights weights, CachedAttention attention, AttentionShape shape, CpuScratch[] scratch) : IDisposable
{
    private const int LongestBlock = 128;
    // What a block's products may take of the second cache.
    private const int MostSums = 1 << 20;
    private const int ShortestBlock = 16;
    private readonly int _model = RowMath.Padded(weights.Config.ModelSize);
    private readonly int _inner = RowMath.Padded(weights.Config.Heads * weights.Config.HeadSize);
    // A cache line more than a token's queries, keys and values: tokens at a distance of a power of two would push each other out of the first cache.
    private readonly int _stride = RowMath.Padded(3 * weights.Config.Heads * weights.Config.HeadSize) + 16;
    private readonly int _wide = RowMath.Padded(weights.Config.FeedForwardSize);
    private readonly int _wideColumns = weights.Config.FeedForwardSize * (weights.Config.Gated ? 2 : 1);
    private readonly float _epsilon = (float)weights.Config.LayerNormEpsilon;
    private NativeArray<float>? _hidden;
    private NativeArray<float>? _heads;
    private NativeArray<float>? _context;
    private CpuEncoding[] _encodings = [];
    private int[] _tokens = [];
    private int[] _owners = [];
    private int[] _starts = [];
    private int _block;

    /// <summary>What each thread of a team does.</summary>
    public Action<Worker> Work => Run;

    /// <summary>Takes the inputs of the next pass.</summary>
    public void Begin(IReadOnlyList<int[]> inputs, CpuEncoding[] encodings)
    {
        _encodings = encodings;
        _tokens = [.. inputs.SelectMany(input => input)];
        _owners = [.. inputs.SelectMany((input, i) => Enumerable.Repeat(i, input.Length))];
        _starts = [.. inputs.Select((_, i) => inputs.Take(i).Sum(input => input.Length))];
        var even = (_tokens.Length + scratch.Length - 1) / scratch.Length;
        var most = MostSums / sizeof(int) / Math.Max(3 * weights.Config.Heads * weights.Config.HeadSize, _wideColumns) / ShortestBlock * ShortestBlock;
        _block = Math.Clamp((even + ShortestBlock - 1) / ShortestBlock * ShortestBlock, ShortestBlock, Math.Clamp(most, ShortestBlock, LongestBlock));
        _hidden = NativeArray<float>.AtLeast(_hidden, (long)_tokens.Length * _model);
        // A vector that is read at the end may go beyond it.
        _heads = NativeArray<float>.AtLeast(_heads, (long)_tokens.Length * _stride + 64);
        _context = NativeArray<float>.AtLeast(_context, (long)_tokens.Length * _inner);
    }

    public void Dispose()
    {
        _hidden?.Dispose();
        _heads?.Dispose();
        _context?.Dispose();
    }

    private int Blocks => (_tokens.Length + _block - 1) / _block;

    private void Run(Worker worker)
    {
        var own = scratch[worker.Index];
        var layers = weights.Encoder.Length;
        for (var layer = 0; layer <= layers; layer++)
        {
            while (worker.Take(Blocks, out var block))
            {
                var first = block * _block;
                var count = Math.Min(_block, _tokens.Length - first);
                if (layer == 0)
                {
                    Embed(first, count);
                }
                else
                {
                    EndBlock(weights.Encoder[layer - 1], own, first, count);
                }

                if (layer < layers)
                {
                    var self = weights.Encoder[layer].Self;
                    Normed(own, self.Norm.Pointer, first, count);
                    self.Query.Multiply(own.Activations, 0, self.Query.Columns, own.Sums);
                    for (var i = 0; i < count; i++)
                    {
                        self.Query.Row(own.Activations, i, 0, self.Query.Columns, own.Sums, _heads!.Pointer + (nint)(first + i) * _stride);
                    }
                }
                else
                {
                    KeepFor(own, first, count);
                }
            }

            worker.Meet();
            if (layer < layers)
            {
                Attend(worker, own);
                worker.Meet();
            }
        }
    }

    private void Embed(int first, int count)
    {
        for (var i = first; i < first + count; i++)
        {
            weights.Embedding.Read(_tokens[i], _hidden!.Pointer + (nint)i * _model);
        }
    }

    // From the attention's contexts to the block's output.
    private void EndBlock(CpuBlock block, CpuScratch own, int first, int count)
    {
        own.Activations.Begin(count, _inner);
        for (var i = 0; i < count; i++)
        {
            own.Activations.Set(i, _context!.Pointer + (nint)(first + i) * _inner);
        }

        Add(block.Self.Out, own.Activations, own, first, count);
        var (dense, size) = (block.FeedForward, weights.Config.FeedForwardSize);
        Normed(own, dense.Norm.Pointer, first, count);
        dense.In.Multiply(own.Activations, 0, _wideColumns, own.Sums);
        // What is multiplied next takes the place of what was: each row's scale is needed until then.
        var (before, after) = (own.Activations, own.NextActivations);
        after.Begin(count, _wide);
        var wide = own.SecondRow(_wideColumns);
        var row = own.Row(_wide);
        new Span<float>(row, _wide).Clear();
        for (var i = 0; i < count; i++)
        {
            dense.In.Row(before, i, 0, _wideColumns, own.Sums, wide);
            RowMath.Activate(weights.Config.Activation, wide, weights.Config.Gated ? wide + size : null, size, row);
            after.Set(i, row);
        }

        Add(dense.Out, after, own, first, count);
    }

    private void Add(WeightMatrix matrix, Activations activations, CpuScratch own, int first, int count)
    {
        matrix.Multiply(activations, 0, matrix.Columns, own.Sums);
        var row = own.SecondRow(matrix.Columns);
        for (var i = 0; i < count; i++)
        {
            matrix.Row(activations, i, 0, matrix.Columns, own.Sums, row);
            RowMath.Add(row, matrix.Columns, _hidden!.Pointer + (nint)(first + i) * _model);
        }
    }

    private void Normed(CpuScratch own, float* norm, int first, int count)
    {
        own.Activations.Begin(count, _model);
        var row = own.Row(_model);
        for (var i = 0; i < count; i++)
        {
            RowMath.Norm(_hidden!.Pointer + (nint)(first + i) * _model, norm, _model, weights.Config.ModelSize, _epsilon, row);
            own.Activations.Set(i, row);
        }
    }

    private void Attend(Worker worker, CpuScratch own)
    {
        var (heads, size) = (weights.Config.Heads, weights.Config.HeadSize);
        while (worker.Take(_encodings.Length * heads, out var item))
        {
            var (input, head) = (item / heads, item % heads);
            var (start, length) = (_starts[input], _encodings[input].Length);
            WholeAttention.Attend(
                _heads!.Pointer + (nint)start * _stride + head * 3 * size, _stride, length, size, weights.EncoderBias, head,
                own.Attention(WholeAttention.ScratchLength(length, size)), _context!.Pointer + (nint)start * _inner + head * size, _inner);
        }
    }

    // The decoder's keys and values of the input, for all its layers.
    private void KeepFor(CpuScratch own, int first, int count)
    {
        var (heads, size) = (weights.Config.Heads, weights.Config.HeadSize);
        Normed(own, weights.EncoderNorm.Pointer, first, count);
        var row = own.Row(shape.Width);
        new Span<float>(row, shape.Width).Clear();
        for (var layer = 0; layer < weights.Decoder.Length; layer++)
        {
            var matrix = weights.Decoder[layer].Cross!.Encoded!;
            matrix.Multiply(own.Activations, 0, matrix.Columns, own.Sums);
            for (var i = 0; i < count; i++)
            {
                var products = own.SecondRow(matrix.Columns);
                matrix.Row(own.Activations, i, 0, matrix.Columns, own.Sums, products);
                var (owner, from) = (_owners[first + i], (nint)0);
                var (store, place) = (_encodings[owner].Store, first + i - _starts[owner]);
                for (var head = 0; head < heads; head++, from += 2 * size)
                {
                    attention.PutKey(Filled(products + from), shape.Width, store.Keys(layer, head), place);
                    attention.PutValue(Filled(products + from + size), shape.Width, store.Values(layer, head), place);
                }
            }
        }

        float* Filled(float* from)
        {
            if (size == shape.Width)
            {
                return from;
            }

            new Span<float>(from, size).CopyTo(new Span<float>(row, size));
            return row;
        }
    }
}
