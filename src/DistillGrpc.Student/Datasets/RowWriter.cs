using System.Security.Cryptography;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Student.Datasets;

/// <summary>Writes rows to a file as <see cref="RowReader"/> reads them. Memory is a buffer.</summary>
internal sealed class RowWriter : IDisposable
{
    private readonly FileStream _file;
    private readonly IncrementalHash _hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
    private byte[] _buffer = new byte[1 << 17];
    private int _buffered;

    /// <summary>Goes on where the rows end that are there already, and gives each of them to the caller; a row at the end that is not whole is cut off.</summary>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public RowWriter(string path, Action<Example> onPresent)
    {
        // Unbuffered: what a full disk refused is not tried again when the file is closed.
        _file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);
        if (_file.Length > 0)
        {
            Bytes = Recover(path, onPresent);
            _file.SetLength(Bytes);
            HashPresent();
        }
    }

    /// <summary>Bytes of the rows so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>SHA-256 of the file so far, in hexadecimal.</summary>
    public string Hash => Convert.ToHexStringLower(_hash.GetCurrentHash());

    /// <summary>Adds a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="size">Its size as a message.</param>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void Append(Example row, int size)
    {
        var framed = size + CodedOutputStream.ComputeLengthSize(size);
        if (framed > _buffer.Length - _buffered)
        {
            Flush(toDisk: false);
            _buffer = framed > _buffer.Length ? new byte[framed] : _buffer;
        }

        var target = _buffer.AsSpan(_buffered, framed);
        var at = 0;
        for (var rest = (uint)size; ; rest >>= 7)
        {
            target[at++] = (byte)(rest > 0x7f ? rest | 0x80 : rest);
            if (rest <= 0x7f)
            {
                break;
            }
        }

        row.WriteTo(target[at..]);
        _hash.AppendData(target);
        _buffered += framed;
        Bytes += framed;
    }

    /// <summary>Hands over what is buffered.</summary>
    /// <param name="toDisk">To the disk, not to the system alone.</param>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void Flush(bool toDisk)
    {
        var count = _buffered;
        _buffered = 0;
        _file.Write(_buffer, 0, count);
        if (toDisk)
        {
            _file.Flush(flushToDisk: true);
        }
    }

    public void Dispose()
    {
        _file.Dispose();
        _hash.Dispose();
    }

    // Where the last whole row ends.
    private static long Recover(string path, Action<Example> onPresent)
    {
        using var reader = new RowReader(path);
        var end = 0L;
        try
        {
            while (reader.Read() is { } row)
            {
                onPresent(row);
                end = reader.Position;
            }
        }
        catch (InvalidDataException)
        {
            // The process was killed while it wrote this row.
        }

        return end;
    }

    private void HashPresent()
    {
        for (var rest = Bytes; rest > 0;)
        {
            var read = _file.Read(_buffer, 0, (int)Math.Min(rest, _buffer.Length));
            _hash.AppendData(_buffer, 0, read);
            rest -= read;
        }
    }
}
