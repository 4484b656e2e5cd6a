using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;

namespace DistillGrpc.Client.Examples;

/// <summary>The lines of a text in UTF-8, one at a time: memory is one line, which has a limit.</summary>
internal static class Lines
{
    private static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    /// <summary>
    /// Reads lines that end with LF or CRLF; a byte order mark in front is passed over. A line that is too long or not UTF-8 has no text, but
    /// the reason for that.
    /// </summary>
    public static async IAsyncEnumerable<(int Number, string? Text, string Refusal)> ReadAsync(Stream stream, int maxBytes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        var (number, isPassedOver) = (0, false);
        for (var isEnd = false; !isEnd;)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var rest = read.Buffer;
            isEnd = read.IsCompleted;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                yield return isPassedOver ? TooLong(++number, maxBytes) : Text(rest.Slice(0, end), ++number, maxBytes);
                isPassedOver = false;
                rest = rest.Slice(rest.GetPosition(1, end));
            }

            if (isEnd && (isPassedOver || !rest.IsEmpty))
            {
                yield return isPassedOver ? TooLong(++number, maxBytes) : Text(rest, ++number, maxBytes);
            }
            else if (isPassedOver || rest.Length > maxBytes)
            {
                // Not held until its end, which may never come.
                (isPassedOver, rest) = (true, rest.Slice(rest.End));
            }

            reader.AdvanceTo(rest.Start, rest.End);
        }

        await reader.CompleteAsync();
    }

    private static (int Number, string? Text, string Refusal) Text(ReadOnlySequence<byte> line, int number, int maxBytes)
    {
        if (line.Length > maxBytes)
        {
            return TooLong(number, maxBytes);
        }

        try
        {
            var text = Strict.GetString(line);
            return (number, (number == 1 ? text.TrimStart('\ufeff') : text).TrimEnd('\r'), "");
        }
        catch (DecoderFallbackException)
        {
            return (number, null, "it is not UTF-8");
        }
    }

    private static (int Number, string? Text, string Refusal) TooLong(int number, int maxBytes) => (number, null, $"it is longer than {maxBytes} bytes");
}
