namespace DistillGrpc.Modeling.Decoding;

/// <summary>A set of token sequences, and what may follow a beginning of them. Immutable: many generations may share one.</summary>
public sealed class TokenTrie
{
    /// <summary>Makes a set.</summary>
    /// <param name="sequences">At least one; each ends with the same id, the end-of-sequence token, which is nowhere else. Equal ones count once.</param>
    /// <exception cref="ArgumentException">There is none, one is empty, or does not end as the others do.</exception>
    public TokenTrie(IEnumerable<IReadOnlyList<int>> sequences)
    {
        int[][] all = [.. sequences.Select(sequence => sequence.ToArray())];
        if (all.Length == 0 || Array.Exists(all, sequence => sequence.Length == 0))
        {
            throw new ArgumentException("Sequences must be there, and not be empty.", nameof(sequences));
        }

        (Longest, EndId) = (all.Max(sequence => sequence.Length), all[0][^1]);
        (Least, Most) = (all.Min(sequence => sequence.Min()), all.Max(sequence => sequence.Max()));
        if (Array.Exists(all, sequence => Array.IndexOf(sequence, EndId) != sequence.Length - 1))
        {
            throw new ArgumentException("Every sequence must end with the same token, and have it nowhere else.", nameof(sequences));
        }

        Array.Sort(all, static (a, b) => a.AsSpan().SequenceCompareTo(b));
        Sequences = [.. all.Where((sequence, i) => i == 0 || !sequence.AsSpan().SequenceEqual(all[i - 1]))];
        Root = Node(all, 0);
    }

    /// <summary>The sequences, each once, in the order of their ids.</summary>
    public IReadOnlyList<int[]> Sequences { get; }

    /// <summary>Tokens of the longest sequence.</summary>
    public int Longest { get; }

    /// <summary>What every sequence ends with.</summary>
    public int EndId { get; }

    /// <summary>Beginnings that have to be read to tell the sequences apart; 0 where there is one sequence.</summary>
    public int Decisions { get; private set; }

    /// <summary>Steps that the longest of them takes, the start's included.</summary>
    public int DecisionLength { get; private set; }

    // Beginnings that several ids may follow.
    internal int Choices { get; private set; }

    internal int Least { get; }

    internal int Most { get; }

    // Most tokens that may follow a beginning.
    internal int Widest { get; private set; }

    internal TokenTrieNode Root { get; }

    /// <summary>The ids that may follow a beginning, ascending; none behind a whole sequence, and behind what begins no sequence.</summary>
    public IReadOnlyList<int> Next(ReadOnlySpan<int> beginning)
    {
        var node = Root;
        foreach (var token in beginning)
        {
            if (node.Child(token) is not { } child)
            {
                return [];
            }

            node = child;
        }

        return node.Next;
    }

    // Sorted sequences that are alike before a depth.
    private TokenTrieNode Node(ReadOnlySpan<int[]> sequences, int depth)
    {
        var (next, children) = (new List<int>(), new List<TokenTrieNode>());
        for (var first = 0; first < sequences.Length;)
        {
            var after = first;
            while (after < sequences.Length && sequences[first].Length > depth && sequences[after][depth] == sequences[first][depth])
            {
                after++;
            }

            if (after == first)
            {
                return TokenTrieNode.End;
            }

            next.Add(sequences[first][depth]);
            children.Add(Node(sequences[first..after], depth + 1));
            first = after;
        }

        Widest = Math.Max(Widest, next.Count);
        var node = new TokenTrieNode([.. next], [.. children], next.Count > 1 ? Choices++ : -1);
        (Decisions, DecisionLength) = node.Decides ? (Decisions + 1, Math.Max(DecisionLength, depth + 1)) : (Decisions, DecisionLength);
        return node;
    }
}
