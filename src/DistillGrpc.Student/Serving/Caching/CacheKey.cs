using System.Buffers.Binary;
using System.Security.Cryptography;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Student.Serving.Caching;

/// <summary>What an answer is kept under: a hash over the version as it was loaded, and all of the request but the name by which that version was asked, and who asked.</summary>
internal readonly record struct CacheKey(UInt128 High, UInt128 Low)
{
    /// <summary>Bytes that it takes.</summary>
    public const int Size = 32;

    /// <summary>The key of a request to a version.</summary>
    public static CacheKey Of(ServedModel model, PredictRequest request)
    {
        var same = request.Clone();
        (same.Model, same.RoutingKey) = ("", "");
        same.ClearStore();
        Span<byte> loading = stackalloc byte[sizeof(long)];
        BinaryPrimitives.WriteInt64BigEndian(loading, model.Loading);
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        hash.AppendData(loading);
        hash.AppendData(same.ToByteArray());
        Span<byte> digest = stackalloc byte[Size];
        hash.GetHashAndReset(digest);
        return new CacheKey(BinaryPrimitives.ReadUInt128BigEndian(digest), BinaryPrimitives.ReadUInt128BigEndian(digest[(Size / 2)..]));
    }
}
