using System.Buffers.Binary;
using System.Text;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// Reads the fields of one protobuf message, wire format only: enough for SentencePiece's ModelProto without a
/// dependency. Lengths are checked against what is left, so nothing is allocated on a file's word.
/// </summary>
internal ref struct ProtoReader(ReadOnlySpan<byte> message)
{
    private static readonly UTF8Encoding _strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private ReadOnlySpan<byte> _rest = message;
    private int _wireType;
    private ulong _number;
    private ReadOnlySpan<byte> _bytes;

    /// <summary>Number of the field that was read.</summary>
    public int Field { get; private set; }

    /// <summary>The field as a nested message or bytes.</summary>
    public readonly ReadOnlySpan<byte> Bytes => _wireType == 2 ? _bytes : throw Damaged();

    /// <summary>The field as an int32 or enum.</summary>
    public readonly int Int32 => _wireType == 0 ? unchecked((int)_number) : throw Damaged();

    /// <summary>The field as a bool.</summary>
    public readonly bool Bool => _wireType == 0 ? _number != 0 : throw Damaged();

    /// <summary>The field as a float.</summary>
    public readonly float Single => _wireType == 5 ? BitConverter.UInt32BitsToSingle((uint)_number) : throw Damaged();

    /// <summary>The field as a string.</summary>
    public readonly string Text
    {
        get
        {
            try
            {
                return _strict.GetString(Bytes);
            }
            catch (DecoderFallbackException)
            {
                throw new InvalidDataException("a string is not UTF-8");
            }
        }
    }

    /// <summary>Reads the next field; false at the end.</summary>
    /// <exception cref="InvalidDataException">The message is damaged.</exception>
    public bool Next()
    {
        if (_rest.IsEmpty)
        {
            return false;
        }

        var tag = Varint();
        if (tag >> 3 is 0 or > 536870911)
        {
            throw Damaged();
        }

        Field = (int)(tag >> 3);
        _wireType = (int)(tag & 7);
        switch (_wireType)
        {
            case 0:
                _number = Varint();
                break;
            case 1:
                _number = BinaryPrimitives.ReadUInt64LittleEndian(Take(8));
                break;
            case 2:
                _bytes = Take(Varint());
                break;
            case 5:
                _number = BinaryPrimitives.ReadUInt32LittleEndian(Take(4));
                break;
            default:
                throw Damaged();
        }

        return true;
    }

    private static InvalidDataException Damaged() => new("the protobuf message is damaged");

    private ReadOnlySpan<byte> Take(ulong count)
    {
        if (count > (ulong)_rest.Length)
        {
            throw Damaged();
        }

        var taken = _rest[..(int)count];
        _rest = _rest[(int)count..];
        return taken;
    }

    private ulong Varint()
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var b = Take(1)[0];
            value |= (ulong)(b & 0x7f) << shift;
            if (b < 0x80)
            {
                return value;
            }
        }

        throw Damaged();
    }
}
