using System.Security.Cryptography;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Client;

/// <summary>A folder's files as the contracts carry them.</summary>
public static class FilePieces
{
    private const int PieceBytes = 1 << 20;

    /// <summary>Reads the files of a folder, in pieces, each file with its hash at the end.</summary>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static async IAsyncEnumerable<FilePiece> ReadAsync(string folder)
    {
        foreach (var path in Directory.EnumerateFiles(folder).Order(StringComparer.Ordinal))
        {
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete, PieceBytes, FileOptions.SequentialScan);
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            bool isLast;
            do
            {
                var buffer = new byte[(int)Math.Min(PieceBytes, file.Length - file.Position)];
                await file.ReadExactlyAsync(buffer);
                hash.AppendData(buffer);
                isLast = file.Position == file.Length;
                yield return new FilePiece { Name = Path.GetFileName(path), Data = UnsafeByteOperations.UnsafeWrap(buffer), Sha256 = isLast ? Convert.ToHexStringLower(hash.GetHashAndReset()) : "" };
            }
            while (!isLast);
        }
    }
}
