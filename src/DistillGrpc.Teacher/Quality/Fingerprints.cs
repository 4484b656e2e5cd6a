using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Quality;

/// <summary>
/// Numbers that equal inputs share, and nearly equal ones nearly always: MinHash over shingles of three words, in bands
/// (Broder 1997; Leskovec et al., Mining of Massive Datasets, 3.4). Two inputs are taken as near duplicates where one band agrees:
/// with 16 bands of 12 that is 68% likely at a similarity of 0.8, 99% at 0.9 and 3.4% at 0.6.
/// </summary>
internal static class Fingerprints
{
    /// <summary>The band of the exact text.</summary>
    private const int ExactBand = 0;

    private const int Bands = 16;
    private const int RowsOfBand = 12;
    private const int ShingleWords = 3;
    private static readonly (ulong Factor, ulong Offset)[] Permutations = [.. Enumerable.Range(1, Bands * RowsOfBand).Select(i => (Mix((ulong)i) | 1, Mix((ulong)i << 32)))];

    /// <summary>The input's fingerprints: band 0 for the exact words, and with the rule NEAR bands 1 to 16.</summary>
    public static IReadOnlyList<(int Band, long Hash)> Of(Example input, DuplicateRule rule)
    {
        if (rule == DuplicateRule.Unspecified)
        {
            return [];
        }

        // Where one segment ends and the next begins is a part of the text; and 3 + 4 is not 3 - 4.
        var words = input.Segments.SelectMany(segment => Words.Of(segment, withSigns: true).Append("\n")).ToArray();
        var exact = (ExactBand, (long)Hash(string.Join(' ', words)));
        return rule == DuplicateRule.Near ? [exact, .. Near(words)] : [exact];
    }

    /// <summary>Adds an input's fingerprints to those of earlier ones; says of what kind it repeats one of them, or null.</summary>
    /// <param name="input">The input.</param>
    /// <param name="rule">Which inputs are duplicates.</param>
    /// <param name="add">Adds a fingerprint; false where it was there.</param>
    public static RejectionReason? Repeats(Example input, DuplicateRule rule, Func<int, long, bool> add)
    {
        var (isFirst, isUnlike) = (true, true);
        foreach (var (band, hash) in Of(input, rule))
        {
            var isNew = add(band, hash);
            isFirst &= isNew || band != ExactBand;
            isUnlike &= isNew;
        }

        return !isFirst ? RejectionReason.Duplicate : !isUnlike ? RejectionReason.NearDuplicate : null;
    }

    private static IEnumerable<(int Band, long Hash)> Near(string[] words)
    {
        var shingles = new HashSet<ulong>();
        for (var at = 0; at == 0 || at + ShingleWords <= words.Length; at++)
        {
            shingles.Add(Hash(string.Join(' ', words.Skip(at).Take(ShingleWords))));
        }

        for (var band = 0; band < Bands; band++)
        {
            var hash = (ulong)band;
            for (var row = 0; row < RowsOfBand; row++)
            {
                var (factor, offset) = Permutations[(band * RowsOfBand) + row];
                hash = Mix(hash ^ shingles.Min(shingle => Mix((shingle * factor) + offset)));
            }

            yield return (band + 1, (long)hash);
        }
    }

    private static ulong Hash(string text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(text.AsSpan()), hash);
        return BinaryPrimitives.ReadUInt64LittleEndian(hash);
    }

    // SplitMix64's finaliser.
    private static ulong Mix(ulong x)
    {
        x += 0x9E3779B97F4A7C15;
        x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
        x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
        return x ^ (x >> 31);
    }
}
