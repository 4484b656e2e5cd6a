using System.Security.Cryptography;
using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Google.Protobuf;

namespace DistillGrpc.Student.Models;

/// <summary>Takes the files of a version, in pieces.</summary>
internal static partial class ModelFiles
{
    private const int MaxFiles = 32;

    /// <summary>Writes a folder's files.</summary>
    /// <param name="folder">The folder.</param>
    /// <param name="pieces">The pieces.</param>
    /// <param name="maxBytes">Most bytes of all files.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT naming the field, or RESOURCE_EXHAUSTED.</exception>
    public static async Task WriteAsync(string folder, IAsyncEnumerable<FilePiece> pieces, long maxBytes)
    {
        var (written, total, current) = (new HashSet<string>(StringComparer.Ordinal), 0L, default(Incoming));
        try
        {
            await foreach (var piece in pieces)
            {
                if (current?.Name != piece.Name)
                {
                    RpcFailure.Require(current is null, "piece.sha256", $"is missing at the end of {current?.Name}");
                    RpcFailure.Require(FileName().IsMatch(piece.Name), "piece.name", "must be the name of a file, without folders");
                    RpcFailure.Require(written.Add(piece.Name), "piece.name", $"came before: {piece.Name}");
                    RpcFailure.Require(written.Count <= MaxFiles, "piece.name", $"is one too many: a model has at most {MaxFiles} files");
                    current = new Incoming(folder, piece.Name);
                }

                total += piece.Data.Length;
                if (total > maxBytes)
                {
                    throw RpcFailure.ResourceExhausted("MODEL_TOO_LARGE", $"A model may have {maxBytes} bytes.", TimeSpan.Zero);
                }

                current.Add(piece.Data);
                if (piece.Sha256.Length > 0)
                {
                    RpcFailure.Require(current.End() == piece.Sha256, "piece.sha256", $"is not that of what came of {piece.Name}");
                    current = null;
                }
            }

            RpcFailure.Require(current is null, "piece.sha256", $"is missing at the end of {current?.Name}");
            RpcFailure.Require(written.Count > 0, "piece", "there is no file");
        }
        finally
        {
            current?.Dispose();
        }
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex FileName();

    private sealed class Incoming(string folder, string name) : IDisposable
    {
        private readonly FileStream _file = new(Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write);
        private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public string Name => name;

        public void Add(ByteString data)
        {
            _file.Write(data.Span);
            _hash.AppendData(data.Span);
        }

        public string End()
        {
            Dispose();
            return Convert.ToHexStringLower(_hash.GetHashAndReset());
        }

        public void Dispose() => _file.Dispose();
    }
}
