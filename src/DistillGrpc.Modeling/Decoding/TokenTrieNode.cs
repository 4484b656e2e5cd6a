namespace DistillGrpc.Modeling.Decoding;

/// <summary>A beginning of a trie's sequences: the ids that may follow, ascending, and where each leads.</summary>
/// <param name="next">The ids.</param>
/// <param name="children">Where they lead.</param>
/// <param name="choice">Its number among the beginnings that several ids may follow; -1 where it is none.</param>
internal sealed class TokenTrieNode(int[] next, TokenTrieNode[] children, int choice)
{
    public static readonly TokenTrieNode End = new([], [], -1);

    public int[] Next => next;

    public ReadOnlySpan<TokenTrieNode> Children => children;

    public int Choice => choice;

    // Whether several ids may follow here, or somewhere behind.
    public bool Decides { get; } = choice >= 0 || Array.Exists(children, child => child.Decides);

    // What an engine need compute: where there is no choice, nothing.
    public int[] Candidates => next.Length == 1 ? [] : next;

    public TokenTrieNode? Child(int token) => Array.BinarySearch(next, token) is >= 0 and var i ? children[i] : null;
}
