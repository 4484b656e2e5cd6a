namespace DistillGrpc.Modeling.Decoding;

/// <summary>SplitMix64 (Steele, Lea, Flood 2014): the same numbers for a seed on every machine and in every version of .NET.</summary>
internal struct SeededRandom(long seed, int stream)
{
    private const ulong Golden = 0x9E3779B97F4A7C15;

    private ulong _state = Mix(Mix((ulong)seed) + ((ulong)stream * Golden));

    // In [0, 1).
    public double NextDouble() => (Mix(_state += Golden) >> 11) * (1.0 / (1UL << 53));

    private static ulong Mix(ulong z)
    {
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return z ^ (z >> 31);
    }
}
