using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;
using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>
/// The ids of predictions. Whoever knows one gets the rationale, so it has 128 random bits; what lies on the disk does not have it, but its hash.
/// </summary>
internal static partial class PredictionId
{
    private const int Bytes = 16;
    private const int HashBytes = HMACSHA256.HashSizeInBytes;

    /// <summary>A new one.</summary>
    public static string New() => Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(Bytes));

    /// <summary>The prediction's name, <c>predictions/{id}</c>.</summary>
    public static string NameOf(string id) => $"predictions/{id}";

    /// <summary>The id of a name.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static string Parse(string name, string field) => Pattern().Match(name) is { Success: true } match
        ? match.Groups["id"].Value
        : throw RpcFailure.InvalidArgument(field, name.Length == 0 ? "is empty, as TaskAnswer.prediction is where a prediction was not kept" : "must look like predictions/{id}, as TaskAnswer.prediction has it");

    /// <summary>What a prediction is found by on the disk.</summary>
    public static byte[] KeyOf(string id) => SHA256.HashData(Encoding.ASCII.GetBytes(id));

    /// <summary>What an input is recognised by. Without the id nobody can tell even by trying which input it is of.</summary>
    /// <param name="id">The id.</param>
    /// <param name="segments">The input.</param>
    /// <param name="rationale">The rationale that the label was read from, which has a part of its own; empty where there is none.</param>
    public static byte[] HashOf(string id, IReadOnlyList<string> segments, string rationale) => rationale.Length == 0 ? HashOf(id, segments) : [.. HashOf(id, segments), .. HashOf(id, [rationale])];

    /// <summary>Whether an input is the one that a hash is of.</summary>
    public static bool IsInput(string id, IReadOnlyList<string> segments, ReadOnlySpan<byte> hash) => hash.Length >= HashBytes && hash[..HashBytes].SequenceEqual(HashOf(id, segments));

    /// <summary>Whether a rationale is the one that a hash is of besides the input.</summary>
    public static bool IsRationale(string id, string rationale, ReadOnlySpan<byte> hash) => HasRationale(hash) && hash[HashBytes..].SequenceEqual(HashOf(id, [rationale]));

    /// <summary>Whether a hash is of a rationale besides the input.</summary>
    public static bool HasRationale(ReadOnlySpan<byte> hash) => hash.Length > HashBytes;

    private static byte[] HashOf(string id, IReadOnlyList<string> segments)
    {
        using var hash = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, Encoding.ASCII.GetBytes(id));
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var segment in segments)
        {
            var text = Encoding.UTF8.GetBytes(segment);
            // Its length first: two segments are not one.
            BinaryPrimitives.WriteInt32LittleEndian(length, text.Length);
            hash.AppendData(length);
            hash.AppendData(text);
        }

        return hash.GetHashAndReset();
    }

    [GeneratedRegex(@"^predictions/(?<id>[0-9a-f]{32})\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Pattern();
}
