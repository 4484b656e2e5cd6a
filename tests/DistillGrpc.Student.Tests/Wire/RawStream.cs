using System.Text;

namespace DistillGrpc.Student.Tests.Wire;

/// <summary>What has come of one call.</summary>
internal sealed class RawStream
{
    private readonly MemoryStream _body = new();

    /// <summary>Bytes of the answer.</summary>
    public int Bytes
    {
        get
        {
            lock (_body)
            {
                return (int)_body.Length;
            }
        }
    }

    /// <summary>The headers and trailers as they stand on the wire: names and values that came for the first time can be read.</summary>
    public string Headers { get; private set; } = "";

    /// <summary>The answer came to its end.</summary>
    public bool IsWhole { get; private set; }

    /// <summary>Why the service has cut it off, as HTTP/2 counts; null where it has not.</summary>
    public uint? ResetBy { get; private set; }

    public bool IsOver => IsWhole || ResetBy is not null;

    public void Add(byte[] body, bool isLast)
    {
        lock (_body)
        {
            _body.Write(body);
        }

        IsWhole |= isLast;
    }

    public void AddHeaders(byte[] block, bool isLast)
    {
        Headers += Encoding.Latin1.GetString(block);
        IsWhole |= isLast;
    }

    public void Reset(uint code) => ResetBy = code;
}
