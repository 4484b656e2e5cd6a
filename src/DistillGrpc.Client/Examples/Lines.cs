using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;

namespace DistillGrpc.Client.Examples;

/// <summary>The lines of a text in UTF-8, one at a time: memory is one line, which has a limit, and what is not UTF-8 is refused.</summary>
internal static class Lines
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>Reads lines that end with LF or CRLF; a byte order mark in front is passed over.</summary>
    /// <exception cref="InvalidDataException">A line is too long or not UTF-8; the message says which.</exception>
    public static async IAsyncEnumerable<string> ReadAsync(Stream stream, string name, int maxBytes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        var number = 0;
        for (var isEnd = false; !isEnd;)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var rest = read.Buffer;
            isEnd = read.IsCompleted;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                yield return Text(rest.Slice(0, end), name, ++number, maxBytes);
                rest = rest.Slice(rest.GetPosition(1, end));
            }

            if (isEnd && !rest.IsEmpty)
            {
                yield return Text(rest, name, ++number, maxBytes);
            }
            else if (rest.Length > maxBytes)
            {
                throw TooLong(name, number + 1, maxBytes);
            }

            reader.AdvanceTo(rest.Start, rest.End);
        }

        await reader.CompleteAsync();
    }

    private static string Text(ReadOnlySequence<byte> line, string name, int number, int maxBytes)
    {
        if (line.Length > maxBytes)
        {
            throw TooLong(name, number, maxBytes);
        }

        try
        {
            var text = Strict.GetString(line);
            return (number == 1 ? text.TrimStart('\ufeff') : text).TrimEnd('\r');
        }
        catch (DecoderFallbackException)
        {
            throw new InvalidDataException($"{name}, line {number}: it is not UTF-8.");
        }
    }

    private static InvalidDataException TooLong(string name, int number, int maxBytes) => new($"{name}, line {number}: it is longer than {maxBytes} bytes.");
}
