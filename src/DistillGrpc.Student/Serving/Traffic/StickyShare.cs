using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Serving.Traffic;

/// <summary>
/// Where a request stands among all that there may be, 0 to 100: the same for the same key, in every process, and evenly spread over keys. Whoever takes
/// those below a percentage takes that share, and with a higher percentage only more.
/// </summary>
internal static class StickyShare
{
    private const double Steps = 1L << 53;

    /// <summary>The place of a request.</summary>
    /// <param name="purpose">What is decided; places for one purpose say nothing of those for another.</param>
    /// <param name="model">The model's id: nor do those of two models.</param>
    /// <param name="request">The request; its key decides, or its input where it has none.</param>
    public static double Of(string purpose, string model, PredictRequest request)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        Append(hash, purpose);
        Append(hash, model);
        if (request.RoutingKey.Length > 0)
        {
            Append(hash, request.RoutingKey);
        }
        else
        {
            // No key can look like an input.
            Append(hash, "");
            foreach (var segment in request.Segments)
            {
                Append(hash, segment);
            }
        }

        Span<byte> digest = stackalloc byte[SHA256.HashSizeInBytes];
        hash.GetHashAndReset(digest);
        return (BinaryPrimitives.ReadUInt64BigEndian(digest) >> 11) / Steps * 100;
    }

    private static void Append(IncrementalHash hash, string text)
    {
        Span<byte> length = stackalloc byte[sizeof(int)];
        BinaryPrimitives.WriteInt32BigEndian(length, text.Length);
        hash.AppendData(length);
        hash.AppendData(Encoding.UTF8.GetBytes(text));
    }
}
