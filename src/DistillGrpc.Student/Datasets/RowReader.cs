using System.Security.Cryptography;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Student.Datasets;

/// <summary>Reads the rows of a file one after the other: each is its length as a varint, and a message. Memory is one row.</summary>
internal sealed class RowReader : IDisposable
{
    private const int MaxVarint = 5;
    private readonly FileStream _file;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _buffer = new byte[4096];

    /// <summary>Opens a file; one that is removed meanwhile is read to its end.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public RowReader(string path) => _file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete, bufferSize: 1 << 16, FileOptions.SequentialScan);

    /// <summary>Where the next row begins, in bytes.</summary>
    public long Position { get; private set; }

    /// <summary>SHA-256 of all that was read, in hexadecimal.</summary>
    public string Hash => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>The bytes of the next row; false at the end of the file.</summary>
    /// <exception cref="InvalidDataException">What follows is no whole row; <see cref="Position"/> stays in front of it.</exception>
    public bool TryReadBytes(out ReadOnlySpan<byte> row)
    {
        row = default;
        var first = _file.ReadByte();
        if (first < 0)
        {
            return false;
        }

        Span<byte> prefix = stackalloc byte[MaxVarint];
        var (length, used) = ReadLength(first, prefix);
        if (length > _file.Length - Position - used)
        {
            throw new InvalidDataException("the file ends within it");
        }

        if (_buffer.Length < length)
        {
            _buffer = new byte[Math.Max(length, (long)_buffer.Length * 2)];
        }

        var bytes = _buffer.AsSpan(0, (int)length);
        _file.ReadExactly(bytes);
        _hash.AppendData(prefix[..used]);
        _hash.AppendData(bytes);
        Position += used + length;
        row = bytes;
        return true;
    }

    /// <summary>The next row, or null at the end of the file.</summary>
    /// <exception cref="InvalidDataException">What follows is no row.</exception>
    public Example? Read()
    {
        if (!TryReadBytes(out var bytes))
        {
            return null;
        }

        try
        {
            return Example.Parser.ParseFrom(bytes);
        }
        catch (InvalidProtocolBufferException damaged)
        {
            throw new InvalidDataException("it is not a message", damaged);
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }

    private (long Length, int Used) ReadLength(int first, Span<byte> prefix)
    {
        var (length, used) = (0L, 0);
        for (var next = first; ; next = _file.ReadByte())
        {
            if (next < 0 || used == MaxVarint)
            {
                throw new InvalidDataException(next < 0 ? "the file ends within its length" : "its length cannot be");
            }

            prefix[used] = (byte)next;
            length |= (long)(next & 0x7f) << (7 * used++);
            if ((next & 0x80) == 0)
            {
                return length <= Array.MaxLength ? (length, used) : throw new InvalidDataException("its length cannot be");
            }
        }
    }
}
