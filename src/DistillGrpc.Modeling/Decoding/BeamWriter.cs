using System.Buffers;
using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>
/// Beam search as Hugging Face's <c>generate(num_beams=...)</c> does it: of every beam's continuations the best are kept, those that end are answers,
/// until no open beam can be expected to bring a better one, or the limit is reached, where open beams count as answers too. The rules work on
/// log-probabilities.
/// </summary>
internal sealed class BeamWriter : IAnswerWriter
{
    private readonly IT5Engine _engine;
    private readonly DecodingOptions _options;
    private readonly int[] _forced;
    private readonly int _vocabulary;
    private readonly AllowedLogits _allowed;
    private readonly BeamHypotheses _hypotheses;
    private readonly bool _hasRules;
    private readonly List<BeamExtension> _best = [];
    private readonly double[] _logSums;
    private List<Beam> _beams;
    private int _length;
    private GeneratedAnswer[]? _answers;

    public BeamWriter(IT5Engine engine, T5Sequence first, int[] forced, DecodingOptions options)
    {
        (_engine, _options, _forced, _vocabulary) = (engine, options, forced, engine.Config.VocabularySize);
        (_hypotheses, _hasRules, _logSums) = (new(options), LogitRules.Any(options), new double[options.Beams]);
        _allowed = new AllowedLogits(options.Allowed);
        _beams = [new Beam(first, null, 0, options.Allowed?.Root)];
    }

    public int Rows => _beams.Count;

    public bool IsDone => _beams.Count == 0;

    public IReadOnlyList<int> Tokens => BestOr(answer => answer.Tokens);

    public IReadOnlyList<float> LogProbabilities => BestOr(answer => answer.LogProbabilities);

    public IReadOnlyList<IReadOnlyList<LikelyToken>> TopLogProbabilities => BestOr(answer => answer.TopLogProbabilities);

    public IReadOnlyList<GeneratedAnswer> Answers => _answers ??= [.. _hypotheses.Best];

    public void Collect(List<StepRow> rows)
    {
        foreach (var beam in _beams)
        {
            rows.Add(new StepRow(beam.Sequence, beam.Last?.Token ?? _forced[^1], beam.Allowed?.Candidates));
        }
    }

    public void Take(ReadOnlySpan<float> logits)
    {
        _best.Clear();
        for (var beam = 0; beam < _beams.Count; beam++)
        {
            Weigh(beam, logits.Slice(beam * _vocabulary, _vocabulary));
        }

        if (_best.Count == 0)
        {
            // The rules leave nothing to write.
            _beams.ForEach(beam => _hypotheses.Add(beam.Last, beam.Score, hasEnded: false));
            Replace([]);
            return;
        }

        _length++;
        var kept = Keep(logits);
        if (_hypotheses.IsDone(_best[0].Score, _length))
        {
            kept.Clear();
        }
        else if (_length == _options.MaxTokens)
        {
            kept.ForEach(next => _hypotheses.Add(next.Last, next.Score, hasEnded: false));
            kept.Clear();
        }

        Replace(kept);
    }

    public void Dispose() => Replace([]);

    private IReadOnlyList<T> BestOr<T>(Func<GeneratedAnswer, IReadOnlyList<T>> part) => IsDone && Answers is [var best, ..] ? part(best) : [];

    private void Weigh(int beam, ReadOnlySpan<float> row)
    {
        var ids = _beams[beam].Allowed?.Next;
        var logits = _allowed.Of(row, ids);
        LogitMath.RequireFinite(logits);
        _logSums[beam] = LogitMath.LogSumExp(logits);
        var rented = ArrayPool<float>.Shared.Rent(logits.Length);
        var scores = rented.AsSpan(0, logits.Length);
        for (var i = 0; i < scores.Length; i++)
        {
            scores[i] = (float)(logits[i] - _logSums[beam]);
        }

        if (_hasRules)
        {
            LogitRules.Apply(_options, [.. _forced, .. BeamNode.ToArray(_beams[beam].Last, node => node.Token)], scores, ids);
        }

        Offer(beam, scores);
        ArrayPool<float>.Shared.Return(rented);
    }

    // Into the best extensions, twice as many as beams, so that enough are left where some end.
    private void Offer(int beam, ReadOnlySpan<float> scores)
    {
        var (before, most) = (_beams[beam].Score, 2 * _options.Beams);
        for (var i = 0; i < scores.Length; i++)
        {
            var score = before + scores[i];
            if (double.IsNegativeInfinity(score) || (_best.Count == most && score <= _best[^1].Score))
            {
                continue;
            }

            if (_best.Count == most)
            {
                _best.RemoveAt(most - 1);
            }

            var place = _best.Count;
            while (place > 0 && _best[place - 1].Score < score)
            {
                place--;
            }

            _best.Insert(place, new BeamExtension(beam, i, score));
        }
    }

    // Ended ones become answers if they are among the best; the best others go on.
    private List<(int Parent, BeamNode Last, double Score)> Keep(ReadOnlySpan<float> logits)
    {
        var kept = new List<(int, BeamNode, double)>(_options.Beams);
        for (var rank = 0; rank < _best.Count && kept.Count < _options.Beams; rank++)
        {
            var (beam, place, score) = _best[rank];
            var token = _beams[beam].Allowed?.Next[place] ?? place;
            if (token != _engine.Config.EosId)
            {
                kept.Add((beam, Node(beam, place, token, logits), score));
            }
            else if (rank < _options.Beams)
            {
                _hypotheses.Add(Node(beam, place, token, logits), score, hasEnded: true);
            }
        }

        return kept;
    }

    private BeamNode Node(int beam, int place, int token, ReadOnlySpan<float> step)
    {
        var ids = _beams[beam].Allowed?.Next;
        var logits = _allowed.Of(step.Slice(beam * _vocabulary, _vocabulary), ids);
        var top = _options.TopLogProbabilities > 0 ? TopTokens.Of(logits, ids, place, _options.TopLogProbabilities, _logSums[beam]) : null;
        return new BeamNode(_beams[beam].Last, _length, token, (float)(logits[place] - _logSums[beam]), top);
    }

    // Beams of which nothing goes on give their memory back before others fork.
    private void Replace(List<(int Parent, BeamNode Last, double Score)> kept)
    {
        var before = _beams;
        for (var i = 0; i < before.Count; i++)
        {
            if (!kept.Exists(next => next.Parent == i))
            {
                before[i].Sequence.Dispose();
            }
        }

        var after = new List<Beam>(kept.Count);
        var isTaken = new bool[before.Count];
        try
        {
            foreach (var (parent, last, score) in kept)
            {
                var sequence = isTaken[parent] ? _engine.Fork(before[parent].Sequence) : before[parent].Sequence;
                isTaken[parent] = true;
                after.Add(new Beam(sequence, last, score, before[parent].Allowed?.Child(last.Token)));
            }
        }
        catch
        {
            // There is no memory for one more: those that there are give theirs back when this is disposed.
            after.AddRange(kept.Select(next => next.Parent).Distinct().Where(parent => !isTaken[parent]).Select(parent => before[parent]));
            throw;
        }
        finally
        {
            _beams = after;
        }
    }
}
