namespace DistillGrpc.Student.Serving.Caching;

/// <summary>Bytes under keys, as many as there is room for: what was not asked for the longest time goes first. Used by any thread.</summary>
/// <param name="capacity">Most bytes.</param>
internal sealed class LeastRecentlyUsed(long capacity)
{
    // What a key and its place in both collections take, about.
    private const int Overhead = 160 + CacheKey.Size;
    private readonly Lock _lock = new();
    private readonly Dictionary<CacheKey, LinkedListNode<(CacheKey Key, byte[] Content)>> _nodes = [];
    private readonly LinkedList<(CacheKey Key, byte[] Content)> _order = new();
    private long _bytes;

    /// <summary>Bytes that are kept.</summary>
    public long Bytes
    {
        get
        {
            lock (_lock)
            {
                return _bytes;
            }
        }
    }

    /// <summary>What is kept under a key, or null.</summary>
    public byte[]? Find(CacheKey key)
    {
        lock (_lock)
        {
            if (!_nodes.TryGetValue(key, out var node))
            {
                return null;
            }

            _order.Remove(node);
            _order.AddFirst(node);
            return node.Value.Content;
        }
    }

    /// <summary>Keeps something, in place of what was kept under the key. What has no room by itself is not kept.</summary>
    public void Keep(CacheKey key, byte[] content)
    {
        if (Size(content) > capacity)
        {
            return;
        }

        lock (_lock)
        {
            if (_nodes.TryGetValue(key, out var before))
            {
                Remove(before);
            }

            _nodes.Add(key, _order.AddFirst((key, content)));
            _bytes += Size(content);
            while (_bytes > capacity)
            {
                Remove(_order.Last!);
            }
        }
    }

    private void Remove(LinkedListNode<(CacheKey Key, byte[] Content)> node)
    {
        _order.Remove(node);
        _nodes.Remove(node.Value.Key);
        _bytes -= Size(node.Value.Content);
    }

    private static long Size(byte[] content) => content.Length + Overhead;
}
