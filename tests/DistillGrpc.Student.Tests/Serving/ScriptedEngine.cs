using System.Collections.Concurrent;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>
/// An engine that writes what a script says, in bytes: the n-th step of an input gives the n-th byte of its answer. It counts what it is made
/// to do, and can be made to wait or to fail.
/// </summary>
internal sealed class ScriptedEngine(Func<string, string> answer) : IT5Engine
{
    private static readonly ByteTokenizer Bytes = new();
    private int _liveSequences;
    private int _liveEncodings;

    public string Name => "scripted";

    public T5Config Config { get; } = new() { VocabularySize = Bytes.VocabularySize, ModelSize = 1, HeadSize = 1, FeedForwardSize = 1, EncoderLayers = 1, DecoderLayers = 1, Heads = 1 };

    public long WeightBytes => 4;

    /// <summary>Called before every encoder's pass, with its inputs.</summary>
    public Action<IReadOnlyList<string>>? OnEncode { get; set; }

    /// <summary>Called before every step, with the inputs of its rows.</summary>
    public Action<IReadOnlyList<string>>? OnStep { get; set; }

    /// <summary>Called before a sequence's memory is given back.</summary>
    public Action? OnFree { get; set; }

    /// <summary>Of inputs that this says yes to the logits are no numbers.</summary>
    public Func<string, bool> IsBroken { get; set; } = _ => false;

    /// <summary>The second best token, for beams and samples; default none.</summary>
    public Func<string, int, int>? Second { get; set; }

    /// <summary>Every encoder's pass: its inputs.</summary>
    public ConcurrentQueue<string[]> Passes { get; } = new();

    /// <summary>Rows of every step.</summary>
    public List<int> Rows { get; } = [];

    /// <summary>What happened, in order: E of an encoder's pass with its tokens, S of a step.</summary>
    public List<(char Kind, int Size)> Events { get; } = [];

    /// <summary>Whether <see cref="Rows"/> and <see cref="Events"/> are kept.</summary>
    public bool Records { get; set; } = true;

    public int LiveSequences => Volatile.Read(ref _liveSequences);

    public int LiveEncodings => Volatile.Read(ref _liveEncodings);

    public bool IsDisposed { get; private set; }

    public IReadOnlyList<T5Encoding> Encode(IReadOnlyList<int[]> inputs)
    {
        var texts = inputs.Select(input => Bytes.Decode(input)).ToArray();
        OnEncode?.Invoke(texts);
        Passes.Enqueue(texts);
        Events.Add(('E', inputs.Sum(input => input.Length)));
        Interlocked.Add(ref _liveEncodings, inputs.Count);
        return [.. inputs.Select((input, i) => new Encoding(this, input.Length, texts[i], [.. Bytes.Encode(answer(texts[i])), Bytes.EosId]))];
    }

    public T5Sequence Start(T5Encoding encoding, int maxLength) => new Sequence(this, (Encoding)encoding, maxLength, 0);

    public T5Sequence Fork(T5Sequence sequence) => new Sequence(this, (Encoding)sequence.Encoding, sequence.MaxLength, sequence.Length);

    public void Step(ReadOnlySpan<StepRow> rows, Span<float> logits)
    {
        // A test may take it away meanwhile.
        if (OnStep is { } onStep)
        {
            var texts = new List<string>();
            foreach (var row in rows)
            {
                texts.Add(((Encoding)row.Sequence.Encoding).Text);
            }

            onStep(texts);
        }

        if (Records)
        {
            Rows.Add(rows.Length);
            Events.Add(('S', rows.Length));
        }

        for (var i = 0; i < rows.Length; i++)
        {
            Write(rows[i], logits.Slice(i * Config.VocabularySize, Config.VocabularySize));
        }
    }

    public void Dispose() => IsDisposed = true;

    private void Write(StepRow row, Span<float> logits)
    {
        var (sequence, encoding) = ((Sequence)row.Sequence, (Encoding)row.Sequence.Encoding);
        Assert.True(sequence.Length < sequence.MaxLength);
        Assert.False(sequence.IsFreed);
        var next = encoding.Answer[Math.Min(sequence.Length, encoding.Answer.Length - 1)];
        // What was not asked for is nobody's to read.
        logits.Fill(row.Candidates is null ? 0 : float.NaN);
        foreach (var candidate in row.Candidates ?? [])
        {
            logits[candidate] = 0;
        }

        if (row.Candidates is null || row.Candidates.Contains(next))
        {
            logits[next] = IsBroken(encoding.Text) ? float.NaN : 10;
        }

        if (Second is { } second && row.Candidates is null)
        {
            logits[second(encoding.Text, sequence.Length)] += 9;
        }

        sequence.Advance();
    }

    private sealed class Encoding : T5Encoding
    {
        private readonly ScriptedEngine _engine;

        public Encoding(ScriptedEngine engine, int length, string text, int[] answer) => (_engine, Length, Text, Answer) = (engine, length, text, answer);

        public override int Length { get; }

        public string Text { get; }

        public int[] Answer { get; }

        protected override void Free() => Interlocked.Decrement(ref _engine._liveEncodings);
    }

    private sealed class Sequence : T5Sequence
    {
        private readonly ScriptedEngine _engine;

        public Sequence(ScriptedEngine engine, Encoding encoding, int maxLength, int length)
            : base(encoding, maxLength)
        {
            (_engine, Length) = (engine, length);
            Interlocked.Increment(ref engine._liveSequences);
        }

        public bool IsFreed { get; private set; }

        public void Advance() => Length++;

        protected override void Free()
        {
            _engine.OnFree?.Invoke();
            IsFreed = true;
            Interlocked.Decrement(ref _engine._liveSequences);
        }
    }
}
