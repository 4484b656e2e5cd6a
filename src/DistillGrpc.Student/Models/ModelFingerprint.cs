using System.Security.Cryptography;
using System.Text;

namespace DistillGrpc.Student.Models;

/// <summary>Tells a version's files from others that come to have its name: a model may be removed and made anew, and an operator's folder be filled with another one.</summary>
internal static class ModelFingerprint
{
    // Of a file of weights; no two trainings leave the same ones there.
    private const int Samples = 16;
    private const int SampleBytes = 4096;
    private const int WholeBytes = Samples * SampleBytes;

    // What answers depend on; reports and lineage may come and go beside it.
    private static readonly string[] Files = ["config.json", ModelCard.File, "spiece.model", "tokenizer.json"];

    /// <summary>The fingerprint of a folder. It reads small files whole, and of large ones some pieces.</summary>
    public static string Of(string directory) => Of(directory, file => Files.Contains(file.Name, StringComparer.Ordinal) || IsWeights(file));

    /// <summary>The fingerprint of a folder's weights alone.</summary>
    public static string OfWeights(string directory) => Of(directory, IsWeights);

    private static bool IsWeights(FileInfo file) => file.Extension == ".safetensors";

    private static string Of(string directory, Func<FileInfo, bool> isPart)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var folder = new DirectoryInfo(directory);
        var files = folder.Exists ? folder.EnumerateFiles().Where(isPart) : [];
        foreach (var file in files.OrderBy(file => file.Name, StringComparer.Ordinal))
        {
            Add(hash, file);
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 16));
    }

    private static void Add(IncrementalHash hash, FileInfo file)
    {
        hash.AppendData(Encoding.UTF8.GetBytes(FormattableString.Invariant($"{file.Name}/{file.Length}/")));
        using var content = file.OpenRead();
        var piece = new byte[SampleBytes];
        for (var sample = 0L; sample < Samples; sample++)
        {
            content.Position = content.Length <= WholeBytes ? Math.Min(sample * SampleBytes, content.Length) : sample * (content.Length - SampleBytes) / (Samples - 1);
            hash.AppendData(piece, 0, content.ReadAtLeast(piece, SampleBytes, throwOnEndOfStream: false));
        }
    }
}
