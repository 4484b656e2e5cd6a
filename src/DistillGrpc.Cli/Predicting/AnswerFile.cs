using System.Text;

namespace DistillGrpc.Cli.Predicting;

/// <summary>
/// A file of answers that grows row by row, and is gone on with: whoever interrupts a run and starts it again asks for the rest alone. A last
/// line that was not written to its end, and rows that were refused, are taken out and asked for again. It is one run's, from its opening on.
/// </summary>
internal sealed class AnswerFile : IAsyncDisposable
{
    private readonly FileInfo _file;
    private readonly Dictionary<string, ulong> _answers = new(StringComparer.Ordinal);

    // Both are locked: whoever opens the file now, by whichever name, is refused.
    private readonly FileStream _opened;
    private FileStream _written;

    private AnswerFile(FileInfo file, FileStream opened) => (_file, _opened, _written) = (file, opened, opened);

    /// <summary>Whether there are any answers.</summary>
    public bool HasAnswers => _answers.Count > 0;

    /// <summary>Opens it, and makes it where it is not there.</summary>
    /// <exception cref="InvalidDataException">It cannot be written, is being written by another run, or holds something else: then it is left as it is.</exception>
    public static async Task<AnswerFile> OpenAsync(FileInfo file, CancellationToken cancellationToken)
    {
        var answers = new AnswerFile(file, Open(file, file.FullName, FileMode.OpenOrCreate));
        try
        {
            // A pipe or a device has nothing to go on with.
            if (answers._opened is { CanSeek: true, Length: > 0 })
            {
                await answers.GoOnAsync(cancellationToken);
            }

            return answers;
        }
        catch
        {
            await answers.DisposeAsync();
            throw;
        }
    }

    /// <summary>Whether a row's answer is there.</summary>
    /// <param name="id">The row's id.</param>
    /// <param name="asked">What is asked, as <see cref="AnswerLine.HashOf"/> has it.</param>
    /// <exception cref="InvalidDataException">The answer is to something else.</exception>
    public bool Has(string id, ulong asked) => _answers.TryGetValue(id, out var before) && (before == asked
        ? true
        : throw new InvalidDataException($"--out: {_file} answers row '{id}' as it was asked with another input, model or option: name another file, or delete this one to ask anew."));

    /// <summary>Writes a line; it is there when this returns.</summary>
    public ValueTask WriteAsync(string line, CancellationToken cancellationToken) => _written.WriteAsync(Encoding.UTF8.GetBytes($"{line}\n"), cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _written.DisposeAsync();
        await _opened.DisposeAsync();
    }

    private static FileStream Open(FileInfo file, string path, FileMode mode)
    {
        try
        {
            return Directory.Exists(path) ? throw OutputFailure.Folder("--out", file) : new FileStream(path, mode, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw OutputFailure.Of("--out", file, failure, path);
        }
    }

    private async Task GoOnAsync(CancellationToken cancellationToken)
    {
        var (end, isEnded, refused) = (0L, true, new List<(long Start, long End)>());
        await foreach (var line in FileLines.ReadAsync(_opened, cancellationToken))
        {
            if (AnswerLine.Read(line.Text) is { } answer)
            {
                (end, isEnded) = (line.End, line.IsEnded || !answer.IsAnswered);
                if (answer.IsAnswered)
                {
                    _answers[answer.Id] = answer.Asked;
                }
                else
                {
                    refused.Add((line.Start, line.End));
                }
            }
            else if (line.IsEnded || !AnswerLine.IsTorn(line.Text))
            {
                throw new InvalidDataException($"--out: line {line.Number} of {_file} is no answer that a run with --out has written: name another file.");
            }
        }

        if (refused.Count > 0)
        {
            await RewriteAsync(refused, end, cancellationToken);
        }
        else if (end < _opened.Length)
        {
            _opened.SetLength(end);
        }

        _written.Seek(0, SeekOrigin.End);
        if (!isEnded && _written.Length > 0)
        {
            await WriteAsync("", cancellationToken);
        }
    }

    // What is good goes into a file that takes this one's place, and not that of a link to it.
    private async Task RewriteAsync(List<(long Start, long End)> refused, long end, CancellationToken cancellationToken)
    {
        var path = (_file.ResolveLinkTarget(returnFinalTarget: true) ?? _file).FullName;
        var mended = Open(_file, path + ".tmp", FileMode.Create);
        try
        {
            var from = 0L;
            foreach (var (start, stop) in refused.Append((end, end)))
            {
                await CopyAsync(from, start, mended, cancellationToken);
                from = stop;
            }

            mended.Flush(flushToDisk: true);
            if (!OperatingSystem.IsWindows())
            {
                File.SetUnixFileMode(mended.SafeFileHandle, File.GetUnixFileMode(_opened.SafeFileHandle));
            }

            File.Move(path + ".tmp", path, overwrite: true);
            _written = mended;
        }
        catch
        {
            await mended.DisposeAsync();
            File.Delete(path + ".tmp");
            throw;
        }
    }

    private async Task CopyAsync(long from, long to, FileStream mended, CancellationToken cancellationToken)
    {
        var buffer = new byte[(int)Math.Min(1 << 16, to - from)];
        _opened.Position = from;
        for (var left = to - from; left > 0;)
        {
            var part = buffer.AsMemory(0, (int)Math.Min(buffer.Length, left));
            await _opened.ReadExactlyAsync(part, cancellationToken);
            await mended.WriteAsync(part, cancellationToken);
            left -= part.Length;
        }
    }
}
