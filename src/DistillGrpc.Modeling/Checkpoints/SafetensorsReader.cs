using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Checkpoints;

/// <summary>
/// Reads a safetensors file, one tensor at a time, and trusts nothing in it: the header is bounded, and every tensor
/// must lie where its shape says, without gap, overlap or trailing bytes. Memory is one header and one tensor.
/// </summary>
public sealed class SafetensorsReader : IDisposable
{
    /// <summary>Longest header that is read, in bytes: the format's own limit.</summary>
    public const int MaxHeaderBytes = 100_000_000;

    /// <summary>Most tensors in one file; T5 11B has 560.</summary>
    public const int MaxTensors = 20_000;

    private readonly SafeFileHandle _file;
    private readonly string _name;

    private SafetensorsReader(SafeFileHandle file, string name, IReadOnlyDictionary<string, SafetensorsEntry> entries)
    {
        _file = file;
        _name = name;
        Entries = entries;
    }

    /// <summary>What the file holds, by name.</summary>
    public IReadOnlyDictionary<string, SafetensorsEntry> Entries { get; }

    /// <summary>Opens a file and checks its header.</summary>
    /// <exception cref="InvalidDataException">The file is not a sound safetensors file; the message says why.</exception>
    public static SafetensorsReader Open(string path)
    {
        var name = Path.GetFileName(path);
        var file = File.OpenHandle(path, share: FileShare.ReadWrite | FileShare.Delete);
        try
        {
            return new SafetensorsReader(file, name, ReadHeader(file, name));
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Reads one tensor into new CPU memory, in the type that the file has.</summary>
    /// <exception cref="InvalidDataException">The tensor is not there, or the file has shrunk since it was opened.</exception>
    public Tensor Read(string name)
    {
        if (!Entries.TryGetValue(name, out var entry))
        {
            throw new InvalidDataException($"{_name}: no tensor '{name}'.");
        }

        var tensor = empty(entry.Shape, dtype: entry.Type);
        var bytes = tensor.bytes;
        for (var done = 0; done < bytes.Length;)
        {
            var read = RandomAccess.Read(_file, bytes[done..], entry.Offset + done);
            if (read == 0)
            {
                tensor.Dispose();
                throw new InvalidDataException($"{_name}: the file ends inside tensor '{name}'.");
            }

            done += read;
        }

        return tensor;
    }

    /// <inheritdoc/>
    public void Dispose() => _file.Dispose();

    private static Dictionary<string, SafetensorsEntry> ReadHeader(SafeFileHandle file, string name)
    {
        var length = RandomAccess.GetLength(file);
        Span<byte> prefix = stackalloc byte[8];
        if (length < 8 || RandomAccess.Read(file, prefix, 0) < 8)
        {
            throw new InvalidDataException($"{name}: too short for a safetensors file.");
        }

        var headerLength = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (headerLength > MaxHeaderBytes || (long)headerLength > length - 8)
        {
            throw new InvalidDataException($"{name}: not a safetensors file, or its header is cut (it claims {headerLength} bytes).");
        }

        var header = new byte[headerLength];
        if (RandomAccess.Read(file, header, 8) < header.Length)
        {
            throw new InvalidDataException($"{name}: the header is cut.");
        }

        var entries = SafetensorsHeader.Parse(header, name);
        RequireExactCover(entries, 8 + (long)headerLength, length, name);
        return entries.ToDictionary(entry => entry.Name);
    }

    private static void RequireExactCover(List<SafetensorsEntry> entries, long start, long length, string name)
    {
        var position = start;
        foreach (var entry in entries.OrderBy(entry => entry.Offset).ThenBy(entry => entry.Length))
        {
            if (entry.Offset != position)
            {
                throw new InvalidDataException($"{name}: tensor '{entry.Name}' overlaps another or leaves a gap.");
            }

            position += entry.Length;
        }

        if (position != length)
        {
            throw new InvalidDataException($"{name}: the tensors take {position} bytes and the file has {length}.");
        }
    }
}
