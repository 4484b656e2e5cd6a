using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>What an engine thinks of texts that are given: their cross-entropy with every token read as it stands (teacher forcing), as <see cref="T5.T5Model.Loss"/>.</summary>
public static class TargetLoss
{
    private const int AtOnce = 32;
    private static readonly int[] NoCandidates = [];

    /// <summary>The sum of a target's token cross-entropies, in nats, for every row; rows of similar length are read together.</summary>
    /// <param name="engine">The engine; nobody else uses it meanwhile.</param>
    /// <param name="rows">Inputs, what decoders are made to read first, and targets of at least one token.</param>
    /// <param name="read">Hears of rows that have been read, how many; null for nobody.</param>
    /// <param name="cancellationToken">Looked at before every step.</param>
    /// <exception cref="NonFiniteLogitsException">The model gave no finite logits.</exception>
    /// <exception cref="OperationCanceledException">It was cancelled.</exception>
    public static double[] Sums(IT5Engine engine, IReadOnlyList<TaskRow> rows, Action<int>? read = null, CancellationToken cancellationToken = default)
    {
        var (sums, logits) = (new double[rows.Count], new float[Math.Min(AtOnce, rows.Count) * engine.Config.VocabularySize]);
        foreach (var batch in Enumerable.Range(0, rows.Count).OrderBy(row => rows[row].Length).Chunk(AtOnce))
        {
            cancellationToken.ThrowIfCancellationRequested();
            var encodings = engine.Encode([.. batch.Select(row => rows[row].Input)]);
            var texts = new List<ForcedText>();
            try
            {
                texts.AddRange(batch.Select((row, i) => new ForcedText(engine, encodings[i], rows[row])));
                while (texts.FindAll(text => !text.IsRead) is { Count: > 0 } unread)
                {
                    cancellationToken.ThrowIfCancellationRequested();
                    Step(engine, unread, logits);
                }

                for (var i = 0; i < batch.Length; i++)
                {
                    sums[batch[i]] = texts[i].Sum;
                }
            }
            finally
            {
                texts.ForEach(text => text.Dispose());
                foreach (var encoding in encodings)
                {
                    encoding.Dispose();
                }
            }

            read?.Invoke(batch.Length);
        }

        return sums;
    }

    private static void Step(IT5Engine engine, List<ForcedText> texts, float[] logits)
    {
        var size = engine.Config.VocabularySize;
        engine.Step([.. texts.Select(text => text.Row)], logits);
        for (var i = 0; i < texts.Count; i++)
        {
            texts[i].Take(logits.AsSpan(i * size, size));
        }
    }

    // A text that a sequence is made to read.
    private sealed class ForcedText(IT5Engine engine, T5Encoding encoding, TaskRow row) : IDisposable
    {
        private readonly int[] _read = [engine.Config.DecoderStartId, .. row.DecoderPrefix, .. row.Target[..^1]];
        private readonly T5Sequence _sequence = engine.Start(encoding, row.DecoderPrefix.Count + row.Target.Length);
        private int _steps;

        public double Sum { get; private set; }

        public bool IsRead => _steps == _read.Length;

        // Nothing is asked before the target begins.
        public StepRow Row => new(_sequence, _read[_steps], _steps < row.DecoderPrefix.Count ? NoCandidates : null);

        public void Take(ReadOnlySpan<float> logits)
        {
            if (_steps >= row.DecoderPrefix.Count)
            {
                LogitMath.RequireFinite(logits);
                Sum += LogitMath.LogSumExp(logits) - logits[row.Target[_steps - row.DecoderPrefix.Count]];
            }

            _steps++;
        }

        public void Dispose() => _sequence.Dispose();
    }
}
