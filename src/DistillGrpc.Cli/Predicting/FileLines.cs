using System.Buffers;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using System.Text;

namespace DistillGrpc.Cli.Predicting;

/// <summary>A line of a file, with its place there.</summary>
/// <param name="Number">Which, from 1 on.</param>
/// <param name="Start">Its first byte's offset.</param>
/// <param name="End">The offset behind it and its line feed.</param>
/// <param name="Text">It, without the line feed.</param>
/// <param name="IsEnded">Whether it has a line feed: the last one may have none.</param>
internal readonly record struct FileLine(int Number, long Start, long End, string Text, bool IsEnded);

/// <summary>Reads a file's lines.</summary>
internal static class FileLines
{
    // More than an answer has: a file without lines is not held as a whole, and what was read of it is a line that has ended.
    private const int MostBytes = 256 << 20;

    /// <summary>Reads them, one at a time.</summary>
    /// <param name="file">The file, at its beginning; it stays open.</param>
    /// <param name="cancellationToken">Stops it.</param>
    public static async IAsyncEnumerable<FileLine> ReadAsync(Stream file, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var reader = PipeReader.Create(file, new StreamPipeReaderOptions(bufferSize: 1 << 16, leaveOpen: true));
        var (number, start) = (0, 0L);
        for (var isEnd = false; !isEnd;)
        {
            var read = await reader.ReadAsync(cancellationToken);
            var rest = read.Buffer;
            isEnd = read.IsCompleted || rest.Length > MostBytes;
            while (rest.PositionOf((byte)'\n') is { } feed)
            {
                var line = rest.Slice(0, feed);
                yield return new FileLine(++number, start, start += line.Length + 1, Encoding.UTF8.GetString(line), true);
                rest = rest.Slice(rest.GetPosition(1, feed));
            }

            if (isEnd && !rest.IsEmpty)
            {
                yield return new FileLine(++number, start, start + rest.Length, Encoding.UTF8.GetString(rest), !read.IsCompleted);
            }

            reader.AdvanceTo(rest.Start, rest.End);
        }

        await reader.CompleteAsync();
    }
}
