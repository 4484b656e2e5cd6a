using System.Runtime.InteropServices;
using System.Security.Cryptography;

namespace DistillGrpc.Teacher.Rationales;

/// <summary>The ids of one call so far, by 128 bits of their hash: some tens of bytes each, however long they are.</summary>
internal sealed class SeenIds
{
    private readonly HashSet<UInt128> _seen = [];

    /// <summary>False where it came before.</summary>
    public bool Add(string id)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(MemoryMarshal.AsBytes(id.AsSpan()), hash);
        return _seen.Add(MemoryMarshal.Read<UInt128>(hash));
    }
}
