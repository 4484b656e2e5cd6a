using DistillGrpc.Modeling.Engines.Cpu.Attention;
using DistillGrpc.Modeling.Engines.Cpu.Kernels;
using DistillGrpc.Modeling.Engines.Cpu.Tiles;
using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>
/// The engine for processors: weights in int8 or float32, own kernels that read every weight once for a decoder's step; no padding, and nothing allocated for a token. Sums are exact in
/// int8 and have one order in float32, so an answer's numbers are the same in any company.
/// </summary>
public sealed class CpuEngine : IT5Engine
{
    // Finished answers' memory that is kept for the next ones.
    private const long PooledBytes = 256L << 20;
    private readonly WorkerTeam _team;
    private readonly bool _ownsTeam;
    private readonly CpuWeights _weights;
    private readonly MemoryPool _pool = new(PooledBytes);
    private readonly CpuScratch[] _scratch;
    private readonly EncoderPass _encoder;
    private readonly DecoderStep _decoder;
    private long _round;

    /// <summary>Takes a model's weights over; the model can be disposed afterwards.</summary>
    /// <param name="model">The model.</param>
    /// <param name="precision">What the weights become.</param>
    /// <param name="team">Threads, which stay the caller's and may serve other engines too; null: own ones, as many as there are processors.</param>
    /// <param name="ownsTeam">Whether the threads end with the engine; those that it starts itself always do.</param>
    /// <param name="usesTiles">Whether bytes are multiplied in tiles (AMX) where the processor has them; the numbers are the same.</param>
    public CpuEngine(T5Model model, Precision precision, WorkerTeam? team = null, bool ownsTeam = false, bool usesTiles = true)
    {
        var hasTiles = usesTiles && TileKernel.Only.IsSupported;
        (_ownsTeam, _team) = (ownsTeam || team is null, team ?? new WorkerTeam(Environment.ProcessorCount));
        try
        {
            _weights = new CpuWeights(model, precision);
            var attention = precision == Precision.Float32 ? CachedAttention.Float32 : CachedAttention.Bfloat16;
            Shape = AttentionShape.Of(model.Config, attention.Bytes);
            _scratch = [.. Enumerable.Range(0, _team.Size).Select(_ => new CpuScratch(precision, hasTiles))];
            _encoder = new EncoderPass(_weights, attention, Shape, _scratch);
            _decoder = new DecoderStep(_weights, attention, Shape, precision, hasTiles, _scratch);
        }
        catch
        {
            // Memory that was not enough is not to be missing for the next try, too.
            _weights?.Dispose();
            if (_ownsTeam)
            {
                _team.Dispose();
            }

            throw;
        }

        Name = precision == Precision.Float32 ? "cpu float32" : $"cpu int8 {ByteKernel.Best.Name}{(hasTiles ? " amx" : "")}";
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public T5Config Config => _weights.Config;

    /// <inheritdoc/>
    public long WeightBytes => _weights.Bytes;

    internal AttentionShape Shape { get; }

    /// <inheritdoc/>
    public IReadOnlyList<T5Encoding> Encode(IReadOnlyList<int[]> inputs)
    {
        if (inputs.Any(input => input.Length == 0 || Array.Exists(input, IsUnknown)))
        {
            throw new ArgumentException($"Inputs must have tokens, each 0 to {Config.VocabularySize - 1}.", nameof(inputs));
        }

        if (inputs.Count == 0)
        {
            return [];
        }

        var encodings = inputs.Select(input => new CpuEncoding(this, new AttentionStore(_pool, Shape, input.Length), input.Length)).ToArray();
        try
        {
            _weights.EncoderBias.Reserve(inputs.Max(input => input.Length));
            _encoder.Begin(inputs, encodings);
            _team.Run(_encoder.Work);
            return encodings;
        }
        catch
        {
            Array.ForEach(encodings, encoding => encoding.Dispose());
            throw;
        }
    }

    /// <inheritdoc/>
    public T5Sequence Start(T5Encoding encoding, int maxLength) => new CpuSequence(Own(encoding), new AttentionStore(_pool, Shape, maxLength));

    /// <inheritdoc/>
    public T5Sequence Fork(T5Sequence sequence)
    {
        var from = (CpuSequence)sequence;
        var fork = (CpuSequence)Start(from.Encoding, from.MaxLength);
        fork.Store.Copy(from.Store, from.Length);
        fork.Length = from.Length;
        return fork;
    }

    /// <inheritdoc/>
    public void Step(ReadOnlySpan<StepRow> rows, Span<float> logits)
    {
        var longest = 0;
        if (logits.Length < rows.Length * Config.VocabularySize)
        {
            throw new ArgumentException($"Logits must have room for {rows.Length} rows of {Config.VocabularySize}.", nameof(logits));
        }

        _round++;
        foreach (var row in rows)
        {
            var sequence = Own(row);
            var most = sequence.MaxLength;
            longest = sequence.Length < most ? Math.Max(longest, most) : throw new InvalidOperationException($"All {most} steps of a sequence are made.");
            sequence.Round = sequence.Round != _round ? _round : throw new ArgumentException("A sequence is in the step twice.", nameof(rows));
        }

        _weights.DecoderBias.Reserve(longest);
        unsafe
        {
            fixed (float* to = logits)
            {
                _decoder.Begin(rows, to);
                _team.Run(_decoder.Work);
            }
        }

        _decoder.End(logits);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (_ownsTeam)
        {
            _team.Dispose();
        }

        _weights.Dispose();
        _pool.Dispose();
        _encoder.Dispose();
        _decoder.Dispose();
        Array.ForEach(_scratch, scratch => scratch.Dispose());
    }

    private CpuSequence Own(StepRow row)
    {
        Own(row.Sequence.Encoding);
        // Ascending ids: the first and the last say it of all.
        return !IsUnknown(row.Token) && (row.Candidates is not { Length: > 0 } candidates || !(IsUnknown(candidates[0]) || IsUnknown(candidates[^1])))
            ? (CpuSequence)row.Sequence
            : throw new ArgumentException($"A token of a row is not 0 to {Config.VocabularySize - 1}.", nameof(row));
    }

    private bool IsUnknown(int token) => token < 0 || token >= Config.VocabularySize;

    private CpuEncoding Own(T5Encoding encoding) =>
        encoding is CpuEncoding own && own.Engine == this ? own : throw new ArgumentException("Another engine has read it.", nameof(encoding));
}
