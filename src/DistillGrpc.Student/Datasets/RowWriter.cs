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
    private bool _isTorn;

    /// <summary>Goes on where the rows end that are there already, and gives each of them to the caller; a row at the end that is not whole is cut off.</summary>
    /// <param name="path">The file.</param>
    /// <param name="onPresent">Takes the rows that are there.</param>
    /// <param name="open">Opens the file; null for <see cref="Open"/>.</param>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public RowWriter(string path, Action<Example> onPresent, Func<string, FileStream>? open = null)
    {
        _file = (open ?? Open)(path);
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
        var framed = Frame(row, size);
        _hash.AppendData(_buffer, _buffered, framed);
        _buffered += framed;
        Bytes += framed;
    }

    /// <summary>Adds a row that is on the disk when this returns. Where the disk does not take it nothing of it is left, and another may be tried.</summary>
    /// <inheritdoc cref="Append"/>
    public void AppendToDisk(Example row, int size)
    {
        Flush(toDisk: false);
        var framed = Frame(row, size);
        try
        {
            _isTorn = true;
            _file.Write(_buffer, 0, framed);
            _file.Flush(flushToDisk: true);
        }
        catch
        {
            TryCut();
            throw;
        }

        _isTorn = false;
        _hash.AppendData(_buffer, 0, framed);
        Bytes += framed;
    }

    /// <summary>Hands over what is buffered.</summary>
    /// <param name="toDisk">To the disk, not to the system alone.</param>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public void Flush(bool toDisk)
    {
        if (_isTorn)
        {
            Cut();
        }

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

    /// <summary>Opens a file of rows to be written.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static FileStream Open(string path) =>
        // Unbuffered: what a full disk refused is not tried again when the file is closed.
        new(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.ReadWrite, bufferSize: 0);

    // A row with its length in front, behind what is buffered; how many bytes that is.
    private int Frame(Example row, int size)
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
        return framed;
    }

    // What the disk has taken of a row that it did not take whole.
    private void Cut()
    {
        var written = Bytes - _buffered;
        if (_file.Length > written)
        {
            _file.SetLength(written);
        }

        _file.Position = written;
        _isTorn = false;
    }

    private void TryCut()
    {
        try
        {
            Cut();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            // It is tried again before anything else is written, and by whoever opens the file anew.
        }
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
