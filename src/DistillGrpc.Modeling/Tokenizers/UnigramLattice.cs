namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>Pieces with log probabilities that are being fitted to words: all ways to cut a word, weighted by how likely they are.</summary>
internal sealed class UnigramLattice
{
    /// <summary>A piece expected less often than this is dropped, as SentencePiece does.</summary>
    private const double MinExpected = 0.5;

    private readonly Dictionary<string, double> _scores;
    private readonly Dictionary<string, double>.AlternateLookup<ReadOnlySpan<char>> _lookup;
    private Dictionary<string, double> _expected;
    private int _longest;

    public UnigramLattice(Dictionary<string, double> counts)
    {
        _scores = new Dictionary<string, double>(counts, StringComparer.Ordinal);
        _lookup = _scores.GetAlternateLookup<ReadOnlySpan<char>>();
        _expected = counts;
        SetScores(counts);
    }

    public int Count => _scores.Count;

    public IEnumerable<(string Text, double Score)> Pieces => _scores.Select(pair => (pair.Key, pair.Value));

    /// <summary>Expectation and maximisation.</summary>
    public void Fit(IReadOnlyDictionary<string, int> words, int rounds)
    {
        for (var round = 0; round < rounds; round++)
        {
            var expected = _scores.Keys.ToDictionary(piece => piece, _ => 0.0, StringComparer.Ordinal);
            var add = expected.GetAlternateLookup<ReadOnlySpan<char>>();
            foreach (var (word, count) in words)
            {
                Expect(word, count, add);
            }

            foreach (var piece in expected.Where(pair => pair.Value < MinExpected && !IsCharacter(pair.Key)).Select(pair => pair.Key).ToArray())
            {
                expected.Remove(piece);
                _scores.Remove(piece);
            }

            SetScores(expected);
            _expected = expected;
        }
    }

    /// <summary>Keeps the pieces whose loss would cost the corpus most likelihood.</summary>
    public void Prune(HashSet<string> kept, int size)
    {
        var worth = _scores.Keys.Where(piece => !kept.Contains(piece))
            .Select(piece => (Piece: piece, Worth: _expected[piece] * (_scores[piece] - BestWithout(piece))))
            .OrderByDescending(pair => pair.Worth).ThenBy(pair => pair.Piece, StringComparer.Ordinal);
        foreach (var (piece, _) in worth.Skip(size - kept.Count).ToArray())
        {
            _scores.Remove(piece);
        }
    }

    private static bool IsCharacter(string piece) => piece.Length == 1 || (piece.Length == 2 && char.IsSurrogatePair(piece, 0));

    private void SetScores(Dictionary<string, double> counts)
    {
        // Characters that never occur alone still need a finite score.
        var total = Math.Log(counts.Values.Sum() + counts.Count);
        _longest = 0;
        foreach (var (piece, count) in counts)
        {
            _scores[piece] = Math.Log(Math.Max(count, 1e-3)) - total;
            _longest = Math.Max(_longest, piece.Length);
        }
    }

    // Forward and backward over the word; every piece gets the probability that the word is cut through it, times count.
    private void Expect(string word, int count, Dictionary<string, double>.AlternateLookup<ReadOnlySpan<char>> add)
    {
        Span<double> forward = stackalloc double[word.Length + 1];
        Span<double> backward = stackalloc double[word.Length + 1];
        forward.Fill(double.NegativeInfinity);
        backward.Fill(double.NegativeInfinity);
        forward[0] = backward[word.Length] = 0;
        for (var end = 1; end <= word.Length; end++)
        {
            for (var start = Math.Max(0, end - _longest); start < end; start++)
            {
                if (_lookup.TryGetValue(word.AsSpan(start, end - start), out var score))
                {
                    forward[end] = LogSum(forward[end], forward[start] + score);
                }
            }
        }

        for (var start = word.Length - 1; start >= 0; start--)
        {
            for (var end = start + 1; end <= Math.Min(word.Length, start + _longest); end++)
            {
                if (_lookup.TryGetValue(word.AsSpan(start, end - start), out var score))
                {
                    backward[start] = LogSum(backward[start], backward[end] + score);
                    var log = forward[start] + score + backward[end] - forward[word.Length];
                    add[word.AsSpan(start, end - start)] += double.IsFinite(log) ? count * Math.Exp(log) : 0;
                }
            }
        }
    }

    // The best way to write a piece with others.
    private double BestWithout(string piece)
    {
        Span<double> best = stackalloc double[piece.Length + 1];
        best.Fill(double.NegativeInfinity);
        best[0] = 0;
        for (var end = 1; end <= piece.Length; end++)
        {
            for (var start = 0; start < end; start++)
            {
                if (end - start < piece.Length && _lookup.TryGetValue(piece.AsSpan(start, end - start), out var score))
                {
                    best[end] = Math.Max(best[end], best[start] + score);
                }
            }
        }

        return best[piece.Length];
    }

    private static double LogSum(double a, double b)
    {
        var (high, low) = a > b ? (a, b) : (b, a);
        return double.IsNegativeInfinity(low) ? high : high + Math.Log(1 + Math.Exp(low - high));
    }
}
