namespace DistillGrpc.Modeling.Decoding;

/// <summary>A beginning of a trie's sequences: the ids that may follow, ascending, and where each leads.</summary>
internal sealed class TokenTrieNode(int[] next, TokenTrieNode[] children)
{
    public static readonly TokenTrieNode End = new([], []);

    public int[] Next => next;

    // What an engine need compute: where there is no choice, nothing.
    public int[] Candidates => next.Length == 1 ? [] : next;

    public TokenTrieNode? Child(int token) => Array.BinarySearch(next, token) is >= 0 and var i ? children[i] : null;
}
