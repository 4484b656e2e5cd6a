using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>
/// Reads the beginnings of all sequences that are allowed, as far as they have to be told apart, and takes the logits of every choice. What has only one way on
/// costs no step. The deepest beginnings go first: so no more sequences are alive than rows of a step for every token of depth, however many are allowed.
/// </summary>
internal sealed class ChoiceWriter : IAnswerWriter
{
    private readonly IT5Engine _engine;
    private readonly TokenTrie _trie;
    private readonly AllowedLogits _allowed;
    private readonly float[][] _logits;
    private readonly int _most;
    private readonly Stack<OpenNode> _open = new();
    private readonly List<(T5Sequence Sequence, int Token, TokenTrieNode Node)> _rows = [];

    public ChoiceWriter(IT5Engine engine, T5Sequence first, int last, DecodingOptions options)
    {
        (_engine, _trie, _allowed, _most) = (engine, options.Allowed!, new AllowedLogits(options.Allowed), options.Rows);
        _logits = new float[_trie.Choices][];
        if (_trie.Root.Decides)
        {
            _rows.Add((first, last, _trie.Root));
        }
        else
        {
            first.Dispose();
        }
    }

    public int Rows => _rows.Count;

    public bool IsDone => _rows.Count == 0;

    public ChoiceLogits Choices => new(_trie, _logits);

    public IReadOnlyList<int> Tokens => [];

    public IReadOnlyList<float> LogProbabilities => [];

    public IReadOnlyList<IReadOnlyList<LikelyToken>> TopLogProbabilities => [];

    public IReadOnlyList<GeneratedAnswer> Answers => [];

    public void Collect(List<StepRow> rows)
    {
        foreach (var (sequence, token, node) in _rows)
        {
            rows.Add(new StepRow(sequence, token, node.Candidates));
        }
    }

    public void Take(ReadOnlySpan<float> logits)
    {
        var vocabulary = _engine.Config.VocabularySize;
        // From the last: the first ones are the deepest, and come to lie on top.
        for (var i = _rows.Count - 1; i >= 0; i--)
        {
            var (sequence, _, node) = _rows[i];
            if (node.Choice >= 0)
            {
                var some = _allowed.Of(logits.Slice(i * vocabulary, vocabulary), node.Next);
                LogitMath.RequireFinite(some);
                _logits[node.Choice] = some.ToArray();
            }

            var open = new OpenNode(sequence, node);
            if (open.HasMore)
            {
                _open.Push(open);
            }
            else
            {
                sequence.Dispose();
            }
        }

        _rows.Clear();
        Fill();
    }

    public void Dispose()
    {
        _rows.ForEach(row => row.Sequence.Dispose());
        _rows.Clear();
        while (_open.TryPop(out var open))
        {
            open.Sequence.Dispose();
        }
    }

    private void Fill()
    {
        while (_rows.Count < _most && _open.TryPeek(out var open))
        {
            var (token, node) = open.Take();
            if (open.HasMore)
            {
                _rows.Add((_engine.Fork(open.Sequence), token, node));
            }
            else
            {
                // The last one goes on with the sequence itself.
                _open.Pop();
                _rows.Add((open.Sequence, token, node));
            }
        }
    }

    // A beginning that was read, and the next of its children that has to be.
    private sealed class OpenNode
    {
        private readonly TokenTrieNode _node;
        private int _next = -1;

        public OpenNode(T5Sequence sequence, TokenTrieNode node)
        {
            (Sequence, _node) = (sequence, node);
            Advance();
        }

        public T5Sequence Sequence { get; }

        public bool HasMore => _next < _node.Next.Length;

        public (int Token, TokenTrieNode Node) Take()
        {
            var taken = (_node.Next[_next], _node.Children[_next]);
            Advance();
            return taken;
        }

        private void Advance()
        {
            do
            {
                _next++;
            }
            while (HasMore && !_node.Children[_next].Decides);
        }
    }
}
