namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>Builds a <see cref="DoubleArrayTrie"/> from distinct keys.</summary>
internal sealed class DoubleArrayBuilder
{
    /// <summary>Offsets below this need no shift, and are enough for every T5 and mT5 vocabulary.</summary>
    private const int MaxUnits = 1 << 21;
    private const int Block = 256;

    /// <summary>How far back a free place is looked for: further back it is too full to be worth the time.</summary>
    private const int OpenBlocks = 16;

    private readonly List<(byte[] Key, int Value)> _keys;
    private uint[] _units = [];
    private bool[] _taken = [];
    private bool[] _bases = [];
    private int _size;
    private int _firstFree;
    private readonly Stack<(int From, int To, int Depth, int Node)> _open = [];

    private DoubleArrayBuilder(List<(byte[] Key, int Value)> keys) => _keys = keys;

    /// <summary>Builds the trie.</summary>
    /// <param name="keys">Distinct non-empty byte strings without zero bytes, each with a value of 0 or more.</param>
    /// <exception cref="InvalidDataException">There are too many keys.</exception>
    public static DoubleArrayTrie Build(IEnumerable<(byte[] Key, int Value)> keys)
    {
        var sorted = keys.ToList();
        sorted.Sort((a, b) => a.Key.AsSpan().SequenceCompareTo(b.Key));
        var builder = new DoubleArrayBuilder(sorted);
        builder.Grow();
        builder._taken[0] = true;
        if (sorted.Count > 0)
        {
            builder._open.Push((0, sorted.Count, 0, 0));
        }

        while (builder._open.TryPop(out var node))
        {
            builder.Place(node.From, node.To, node.Depth, node.Node);
        }

        return new DoubleArrayTrie(builder._units[..builder._size]);
    }

    /// <summary>Places the children of the node that keys [from, to) share their first <paramref name="depth"/> bytes with.</summary>
    private void Place(int from, int to, int depth, int node)
    {
        Span<(byte Label, int From)> children = stackalloc (byte, int)[257];
        var count = 0;
        for (var k = from; k < to; k++)
        {
            var key = _keys[k].Key;
            var label = key.Length == depth ? (byte)0 : key[depth];
            if (count == 0 || children[count - 1].Label != label)
            {
                children[count++] = (label, k);
            }
        }

        children[count] = (0, to);
        var start = FindBase(children[..count]);
        _bases[start] = true;
        _units[node] |= (uint)(start ^ node) << 10;
        for (var c = 0; c < count; c++)
        {
            _taken[start ^ children[c].Label] = true;
            _units[start ^ children[c].Label] = children[c].Label;
        }

        if (children[0].Label == 0)
        {
            _units[node] |= 1u << 8;
            _units[start] = (uint)_keys[children[0].From].Value | 1u << 31;
        }

        for (var c = count - 1; c >= 0; c--)
        {
            if (children[c].Label != 0)
            {
                _open.Push((children[c].From, children[c + 1].From, depth + 1, start ^ children[c].Label));
            }
        }
    }

    /// <summary>A base that no other node uses (or labels would be confused) and whose children's places are free.</summary>
    private int FindBase(ReadOnlySpan<(byte Label, int From)> children)
    {
        _firstFree = Math.Max(_firstFree, _size - OpenBlocks * Block);
        while (_firstFree < _size && _taken[_firstFree])
        {
            _firstFree++;
        }

        var from = _firstFree;
        while (true)
        {
            for (var free = from; free < _size; free++)
            {
                var start = free ^ children[0].Label;
                if (!_taken[free] && !_bases[start] && start != 0 && Fits(children, start))
                {
                    return start;
                }
            }

            from = _size;
            Grow();
        }
    }

    private bool Fits(ReadOnlySpan<(byte Label, int From)> children, int start)
    {
        foreach (var (label, _) in children)
        {
            if (_taken[start ^ label])
            {
                return false;
            }
        }

        return true;
    }

    private void Grow()
    {
        if (_size >= MaxUnits)
        {
            throw new InvalidDataException("the vocabulary is too large");
        }

        _size += Block;
        if (_size > _units.Length)
        {
            Array.Resize(ref _units, _size * 2);
            Array.Resize(ref _taken, _size * 2);
            Array.Resize(ref _bases, _size * 2);
        }
    }
}
