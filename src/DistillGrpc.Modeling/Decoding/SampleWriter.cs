using System.Buffers;
using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>Greedy decoding, and sampling: one answer or several, each by itself once the first token is drawn.</summary>
internal sealed class SampleWriter : IAnswerWriter
{
    private readonly IT5Engine _engine;
    private readonly DecodingOptions _options;
    private readonly AnswerLine[] _lines;
    private readonly AllowedLogits _allowed;
    private readonly int _vocabulary;
    private readonly bool _chooses;
    private bool _hasForked;
    private GeneratedAnswer[]? _answers;

    public SampleWriter(IT5Engine engine, T5Sequence first, int[] forced, DecodingOptions options)
    {
        (_engine, _options, _vocabulary) = (engine, options, engine.Config.VocabularySize);
        _lines = [.. Enumerable.Range(0, options.Answers).Select(i => new AnswerLine(options, forced, engine.Config.EosId, i))];
        _lines[0].Sequence = first;
        _allowed = new AllowedLogits(options.Allowed);
        _chooses = options.Temperature > 0 || LogitRules.Any(options);
    }

    public int Rows => _hasForked ? _lines.Count(line => !line.IsDone) : 1;

    public bool IsDone => Array.TrueForAll(_lines, line => line.IsDone);

    public IReadOnlyList<int> Tokens => _lines[0].Tokens;

    public IReadOnlyList<float> LogProbabilities => _lines[0].LogProbabilities;

    public IReadOnlyList<IReadOnlyList<LikelyToken>> TopLogProbabilities => _lines[0].Tops;

    // Best first; of equals in the order of their streams.
    public IReadOnlyList<GeneratedAnswer> Answers => _answers ??= [.. _lines.Select(line => line.ToAnswer()).OrderByDescending(answer => answer.Score)];

    public void Collect(List<StepRow> rows)
    {
        foreach (var line in _lines)
        {
            if (line.Sequence is { } sequence)
            {
                rows.Add(new StepRow(sequence, line.LastToken, line.Allowed?.Candidates));
            }
        }
    }

    public void Take(ReadOnlySpan<float> logits)
    {
        if (!_hasForked)
        {
            TakeFirst(logits);
            return;
        }

        var row = 0;
        foreach (var line in _lines)
        {
            if (!line.IsDone)
            {
                Write(line, logits.Slice(row++ * _vocabulary, _vocabulary));
            }
        }
    }

    public void Dispose() => Array.ForEach(_lines, line => line.Stop());

    // All draw from what the input and the prefix give; then each has a sequence.
    private void TakeFirst(ReadOnlySpan<float> logits)
    {
        _hasForked = true;
        var first = _lines[0].Sequence!;
        for (var i = _lines.Length - 1; i >= 0; i--)
        {
            Write(_lines[i], logits);
            if (i > 0 && !_lines[i].IsDone)
            {
                _lines[i].Sequence = _engine.Fork(first);
            }
        }
    }

    private void Write(AnswerLine line, ReadOnlySpan<float> row)
    {
        var ids = line.Allowed?.Next;
        var logits = _allowed.Of(row, ids);
        // The first line's is that of all that have not forked yet.
        var likeliest = ids is null && (line.Sequence ?? _lines[0].Sequence) is { } read ? read.Likeliest : -1;
        if (likeliest < 0)
        {
            LogitMath.RequireFinite(logits);
        }

        var place = _chooses ? Draw(line, logits, ids) : likeliest >= 0 ? likeliest : LogitMath.IndexOfMax(logits);
        if (place < 0)
        {
            // The rules leave nothing to write.
            line.Stop();
            return;
        }

        var logSum = line.TakesLogProbabilities ? LogitMath.LogSumExp(logits) : 0;
        var top = _options.TopLogProbabilities > 0 ? TopTokens.Of(logits, ids, place, _options.TopLogProbabilities, logSum) : null;
        line.Append(ids?[place] ?? place, (float)(logits[place] - logSum), top);
    }

    private int Draw(AnswerLine line, ReadOnlySpan<float> logits, int[]? ids)
    {
        var rented = ArrayPool<float>.Shared.Rent(logits.Length);
        var scores = rented.AsSpan(0, logits.Length);
        logits.CopyTo(scores);
        LogitRules.Apply(_options, line.History, scores, ids);
        var place = _options.Temperature > 0 ? TokenSampler.Draw(scores, _options, ref line.Random) : Best(scores);
        ArrayPool<float>.Shared.Return(rented);
        return place;
    }

    private static int Best(ReadOnlySpan<float> scores) => LogitMath.IndexOfMax(scores) is var best && float.IsNegativeInfinity(scores[best]) ? -1 : best;
}
