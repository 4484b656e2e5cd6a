using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>The lines of a stream, one at a time; of one that is too long nothing is held, and the next is read as any other.</summary>
internal static class BoundedLines
{
    /// <summary>Lines that are not empty, without their ends; null for one that is longer than the limit.</summary>
    public static async IAsyncEnumerable<byte[]?> ReadAsync(Stream stream, long maxBytes, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(stream, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        var isSkipping = false;
        for (var isEnd = false; !isEnd;)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var rest = read.Buffer;
            isEnd = read.IsCompleted;
            while (rest.PositionOf((byte)'\n') is { } end)
            {
                var line = rest.Slice(0, end);
                rest = rest.Slice(rest.GetPosition(1, end));
                if (isSkipping || !IsBlank(line))
                {
                    yield return isSkipping || line.Length > maxBytes ? null : line.ToArray();
                }

                isSkipping = false;
            }

            if (rest.Length > maxBytes)
            {
                (isSkipping, rest) = (true, rest.Slice(rest.End));
            }

            if (isEnd && (isSkipping || !IsBlank(rest)))
            {
                yield return isSkipping ? null : rest.ToArray();
            }

            reader.AdvanceTo(rest.Start, rest.End);
        }

        await reader.CompleteAsync();
    }

    private static bool IsBlank(ReadOnlySequence<byte> line)
    {
        foreach (var part in line)
        {
            if (part.Span.ContainsAnyExcept((byte)' ', (byte)'\t', (byte)'\r'))
            {
                return false;
            }
        }

        return true;
    }
}
