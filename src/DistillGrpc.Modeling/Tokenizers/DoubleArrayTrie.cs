namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// A byte trie in the double-array layout of darts-clone, which SentencePiece stores its character map in: a unit holds
/// a label in its low 8 bits, whether a value hangs below it in bit 8, and the XOR offset to its children in the rest;
/// a unit with bit 31 set is a value. Every step is bounds-checked, so a damaged trie finds nothing rather than fault.
/// </summary>
internal sealed class DoubleArrayTrie(uint[] units)
{
    /// <summary>A position that has no further children.</summary>
    public const int None = -1;

    /// <summary>The raw units.</summary>
    public ReadOnlySpan<uint> Units => units;

    /// <summary>Where to start a walk.</summary>
    public int Root => units.Length == 0 ? None : (int)Offset(units[0]);

    /// <summary>Whether a unit is a value.</summary>
    public static bool IsValue(uint unit) => unit >> 31 != 0;

    /// <summary>The value in a unit.</summary>
    public static int Value(uint unit) => (int)(unit & 0x7fffffff);

    /// <summary>
    /// Follows one byte. Returns the position to go on from, or <see cref="None"/>; <paramref name="value"/> is that of
    /// the key that ends here, or -1. Zero bytes are never part of a key: darts-clone keeps label 0 for values.
    /// </summary>
    public int Step(int position, byte label, out int value)
    {
        value = -1;
        var index = position ^ label;
        if (label == 0 || (uint)index >= (uint)units.Length)
        {
            return None;
        }

        var unit = units[index];
        if ((unit & 0x800000ff) != label)
        {
            return None;
        }

        var next = index ^ (int)Offset(unit);
        if ((uint)next >= (uint)units.Length)
        {
            return None;
        }

        if ((unit >> 8 & 1) != 0)
        {
            value = Value(units[next]);
        }

        return next;
    }

    private static uint Offset(uint unit) => unit >> 10 << (int)((unit & 1u << 9) >> 6);
}
