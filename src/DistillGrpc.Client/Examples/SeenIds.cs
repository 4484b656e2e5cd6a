using System.Collections;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace DistillGrpc.Client.Examples;

/// <summary>
/// Tells whether an id came before. A file may have millions of rows: of an id that a row brings, 16 bytes are kept, and of one that is its
/// line's number, a bit.
/// </summary>
internal sealed class SeenIds
{
    private readonly HashSet<UInt128> _given = [];
    private readonly BitArray _numbered = new(1024);

    /// <summary>Adds an id; false where it came before.</summary>
    /// <param name="id">The id.</param>
    /// <param name="line">The row's line, which is the id of a row that brings none.</param>
    public bool Add(string id, int line)
    {
        if (int.TryParse(id, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && (id.Length == 1 || id[0] != '0'))
        {
            if (number < _numbered.Length && _numbered[number])
            {
                return false;
            }

            if (number == line)
            {
                _numbered.Length = Math.Max(_numbered.Length, number < _numbered.Length ? 0 : number * 2);
                _numbered[number] = true;
                return _given.Count == 0 || !_given.Contains(Digest(id));
            }
        }

        return _given.Add(Digest(id));
    }

    // Two ids of a file have the same 128 bits of a SHA-256 less often than a disk errs.
    private static UInt128 Digest(string id)
    {
        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(Encoding.UTF8.GetBytes(id), digest);
        return System.Buffers.Binary.BinaryPrimitives.ReadUInt128LittleEndian(digest);
    }
}
