using System.Runtime.InteropServices;
using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>One answer of greedy decoding or sampling, as it grows.</summary>
internal sealed class AnswerLine
{
    private readonly DecodingOptions _options;
    private readonly int _eosId;
    private readonly List<int> _history;

    public AnswerLine(DecodingOptions options, IReadOnlyCollection<int> forced, int eosId, int index)
    {
        (_options, _eosId, Allowed, Random) = (options, eosId, options.Allowed?.Root, new SeededRandom(options.Seed, index));
        _history = new List<int>(forced.Count + options.MaxTokens);
        _history.AddRange(forced);
        Tokens = new List<int>(options.MaxTokens);
        TakesLogProbabilities = options.LogProbabilities || options.Answers > 1 || options.TopLogProbabilities > 0;
        LogProbabilities = new List<float>(TakesLogProbabilities ? options.MaxTokens : 0);
    }

    // Null before it forks from the first line, and when it has ended.
    public T5Sequence? Sequence { get; set; }

    public bool IsDone { get; private set; }

    public bool TakesLogProbabilities { get; }

    public int LastToken => _history[^1];

    // The start id, the prefix, and what is written.
    public ReadOnlySpan<int> History => CollectionsMarshal.AsSpan(_history);

    // What may follow; null: anything.
    public TokenTrieNode? Allowed { get; private set; }

    public List<int> Tokens { get; }

    public List<float> LogProbabilities { get; }

    public List<LikelyToken[]> Tops { get; } = [];

    public SeededRandom Random;

    public void Append(int token, float logProbability, LikelyToken[]? top)
    {
        Add(token, logProbability, top);
        if (Allowed is { Next: [var only] } && only == _eosId)
        {
            // The only way on costs no step.
            Add(only, 0, top is null ? null : [new LikelyToken(only, 0)]);
        }

        if (Tokens.Count == _options.MaxTokens || token == _eosId || Tokens[^1] == _eosId)
        {
            Stop();
        }
    }

    public void Stop()
    {
        IsDone = true;
        Sequence?.Dispose();
        Sequence = null;
    }

    public GeneratedAnswer ToAnswer() => new(
        Tokens, TakesLogProbabilities ? LogProbabilities.Sum(value => (double)value) : double.NaN, LogProbabilities, Tops, Tokens is [.., var last] && last == _eosId);

    private void Add(int token, float logProbability, LikelyToken[]? top)
    {
        _history.Add(token);
        Tokens.Add(token);
        Allowed = Allowed?.Child(token);
        if (TakesLogProbabilities)
        {
            LogProbabilities.Add(logProbability);
        }

        if (top is not null)
        {
            Tops.Add(top);
        }
    }
}
