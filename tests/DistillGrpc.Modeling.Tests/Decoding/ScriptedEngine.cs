using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Tests.Decoding;

/// <summary>An engine whose logits are a function of what a sequence has read (start id first); it knows what it was asked.</summary>
internal sealed class ScriptedEngine(int vocabulary, Func<IReadOnlyList<int>, float[]> logitsOf) : IT5Engine
{
    public string Name => "scripted";

    public T5Config Config { get; } = new()
    {
        VocabularySize = vocabulary,
        ModelSize = 1,
        HeadSize = 1,
        FeedForwardSize = 1,
        EncoderLayers = 1,
        DecoderLayers = 1,
        Heads = 1,
    };

    public long WeightBytes => 0;

    // Sequences that are not disposed.
    public int Live { get; private set; }

    public List<StepRow> Asked { get; } = [];

    /// <summary>Any history, random logits that depend on it and the seed alone.</summary>
    public static ScriptedEngine Random(int vocabulary, int seed, float spread = 2) => new(vocabulary, history =>
    {
        var random = new Random(history.Aggregate(seed, (hash, token) => unchecked((hash * 31) + token + 1)));
        return [.. Enumerable.Range(0, vocabulary).Select(_ => (float)((random.NextDouble() - 0.5) * 2 * spread))];
    });

    public float[] LogitsOf(params IReadOnlyList<int> read) => logitsOf(read);

    public IReadOnlyList<T5Encoding> Encode(IReadOnlyList<int[]> inputs) => [.. inputs.Select(input => new Encoding(input.Length))];

    public T5Sequence Start(T5Encoding encoding, int maxLength) => new Sequence(this, encoding, maxLength, []);

    public T5Sequence Fork(T5Sequence sequence) => new Sequence(this, sequence.Encoding, sequence.MaxLength, [.. ((Sequence)sequence).Read]);

    public void Step(ReadOnlySpan<StepRow> rows, Span<float> logits)
    {
        // What nobody asked for must not be looked at.
        logits.Fill(float.NaN);
        for (var row = 0; row < rows.Length; row++)
        {
            var sequence = (Sequence)rows[row].Sequence;
            Assert.True(sequence.Read.Count < sequence.MaxLength);
            sequence.Read.Add(rows[row].Token);
            var all = logitsOf(sequence.Read);
            foreach (var id in rows[row].Candidates ?? [.. Enumerable.Range(0, vocabulary)])
            {
                logits[(row * vocabulary) + id] = all[id];
            }

            Asked.Add(rows[row]);
        }
    }

    public void Dispose()
    {
    }

    private sealed class Encoding(int length) : T5Encoding
    {
        public override int Length => length;

        protected override void Free()
        {
        }
    }

    private sealed class Sequence : T5Sequence
    {
        private readonly ScriptedEngine _engine;

        public Sequence(ScriptedEngine engine, T5Encoding encoding, int maxLength, List<int> read)
            : base(encoding, maxLength)
        {
            (_engine, Read) = (engine, read);
            engine.Live++;
        }

        public List<int> Read { get; }

        protected override void Free() => _engine.Live--;
    }
}
