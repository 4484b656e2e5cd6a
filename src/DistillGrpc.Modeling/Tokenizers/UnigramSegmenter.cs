using System.Buffers;
using System.Text;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// Finds the most probable pieces of a prepared text: the Viterbi search of SentencePiece's
/// <c>unigram::Model::EncodeOptimized</c>, in its order and its mix of float and double, so that ties fall the same way. Takes time
/// proportional to the text's length times the longest piece, and no memory per substring.
/// </summary>
internal sealed class UnigramSegmenter
{
    /// <summary>How much worse than the worst piece an unknown character is (SentencePiece's kUnkPenalty).</summary>
    private const float UnknownPenalty = 10;

    private readonly UnigramVocabulary _vocabulary;
    private readonly DoubleArrayTrie _trie;
    private readonly float[] _scores;
    private readonly bool[] _userDefined;
    private readonly float _unknownScore;
    private readonly float _maxScore;

    public UnigramSegmenter(UnigramVocabulary vocabulary)
    {
        _vocabulary = vocabulary;
        _scores = [.. vocabulary.Pieces.Select(p => p.Score)];
        _userDefined = [.. vocabulary.Pieces.Select(p => p.Kind == PieceKind.UserDefined)];
        var normal = vocabulary.Pieces.Where(p => p.Kind == PieceKind.Normal).Select(p => p.Score).DefaultIfEmpty(0).ToArray();
        _unknownScore = normal.Min() - UnknownPenalty;
        // SentencePiece starts its search for the maximum at FLT_MIN, the smallest positive float, so it is never below 0.
        _maxScore = Math.Max(normal.Max(), 0);
        _trie = DoubleArrayBuilder.Build(vocabulary.Pieces
            .Select((p, id) => (p.Kind, p.Text, id))
            .Where(p => p.Kind is PieceKind.Normal or PieceKind.UserDefined)
            .Select(p => (Encoding.UTF8.GetBytes(p.Text), p.id)));
    }

    /// <summary>Appends the ids of a prepared text; a run of unknown characters gives one unknown id, or its bytes.</summary>
    public void Segment(ReadOnlySpan<byte> text, List<int> ids)
    {
        if (text.IsEmpty)
        {
            return;
        }

        var nodes = ArrayPool<Node>.Shared.Rent(text.Length + 1);
        try
        {
            var best = nodes.AsSpan(0, text.Length + 1);
            best.Fill(new Node(0, -1, 0));
            for (var start = 0; start < text.Length;)
            {
                var length = Math.Min(CharacterLength(text[start]), text.Length - start);
                Extend(text, start, length, best);
                start += length;
            }

            Backtrack(text, best, ids);
        }
        finally
        {
            ArrayPool<Node>.Shared.Return(nodes);
        }
    }

    /// <summary>Tries every piece that starts at a place, and the unknown piece where no single character matches.</summary>
    private void Extend(ReadOnlySpan<byte> text, int start, int characterLength, Span<Node> best)
    {
        var soFar = best[start].Score;
        var known = false;
        var position = _trie.Root;
        for (var end = start; end < text.Length;)
        {
            position = _trie.Step(position, text[end], out var id);
            if (position == DoubleArrayTrie.None)
            {
                break;
            }

            end++;
            if (id < 0)
            {
                continue;
            }

            // There it is a double, by the literal 0.1, and is compared as one with what was rounded to float before.
            var score = _userDefined[id] ? ((end - start) * _maxScore) - 0.1 : _scores[id];
            Offer(ref best[end], score + soFar, start, id);
            known |= end - start == characterLength;
        }

        if (!known)
        {
            Offer(ref best[start + characterLength], _unknownScore + soFar, start, _vocabulary.UnkId);
        }
    }

    private static void Offer(ref Node node, double score, int start, int id)
    {
        if (node.Start < 0 || score > node.Score)
        {
            node = new Node((float)score, start, id);
        }
    }

    private void Backtrack(ReadOnlySpan<byte> text, ReadOnlySpan<Node> best, List<int> ids)
    {
        var first = ids.Count;
        for (var end = text.Length; end > 0; end = best[end].Start)
        {
            var id = best[end].Id;
            if (id != _vocabulary.UnkId)
            {
                ids.Add(id);
            }
            else if (_vocabulary.ByteIds is { } bytes)
            {
                for (var b = end - 1; b >= best[end].Start; b--)
                {
                    ids.Add(bytes[text[b]]);
                }
            }
            else if (ids.Count == first || ids[^1] != id)
            {
                ids.Add(id);
            }
        }

        ids.Reverse(first, ids.Count - first);
    }

    /// <summary>Bytes of the character that starts with this byte; SentencePiece's OneCharLen.</summary>
    private static int CharacterLength(byte lead) => lead switch
    {
        < 0xc0 => 1,
        < 0xe0 => 2,
        < 0xf0 => 3,
        _ => 4,
    };

    private readonly record struct Node(float Score, int Start, int Id);
}
