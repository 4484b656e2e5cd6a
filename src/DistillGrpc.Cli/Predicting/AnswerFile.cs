namespace DistillGrpc.Cli.Predicting;

/// <summary>
/// A file of answers that grows row by row, and is gone on with: whoever interrupts a run and starts it again asks for the rest alone. A last
/// line that was not written to its end, and rows that were refused, are taken out and asked for again.
/// </summary>
internal sealed class AnswerFile : IAsyncDisposable
{
    private const string Beginning = "{\"id\":";
    private readonly StreamWriter _writer;
    private readonly Dictionary<string, int> _kept;

    private AnswerFile(StreamWriter writer, Dictionary<string, int> kept) => (_writer, _kept, Kept) = (writer, kept, kept.Values.Sum());

    /// <summary>Answers that were there.</summary>
    public int Kept { get; }

    /// <summary>Opens it.</summary>
    /// <exception cref="InvalidDataException">It cannot be written, or holds something else.</exception>
    public static async Task<AnswerFile> OpenAsync(FileInfo file, CancellationToken cancellationToken)
    {
        var kept = new Dictionary<string, int>(StringComparer.Ordinal);
        if (file is { Exists: true, Length: > 0 })
        {
            await MendAsync(file, kept, cancellationToken);
        }

        try
        {
            return new AnswerFile(new StreamWriter(file.FullName, append: true) { AutoFlush = true }, kept);
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"--out: {file} cannot be written: {failure.Message}", failure);
        }
    }

    /// <summary>Whether a row's answer is there; each answer counts for one row.</summary>
    public bool Takes(string id)
    {
        var count = _kept.GetValueOrDefault(id);
        _kept[id] = count - 1;
        return count > 0;
    }

    /// <summary>Writes a line; it is there when this returns.</summary>
    public async ValueTask WriteAsync(string line, CancellationToken cancellationToken) => await _writer.WriteAsync($"{line}\n".AsMemory(), cancellationToken);

    public ValueTask DisposeAsync() => _writer.DisposeAsync();

    // What is good goes into a file that takes this one's place.
    private static async Task MendAsync(FileInfo file, Dictionary<string, int> kept, CancellationToken cancellationToken)
    {
        await using var mended = new UnfinishedFile(file);
        await using (var writer = new StreamWriter(mended.Stream, leaveOpen: true))
        {
            using var reader = file.OpenText();
            for (var (number, line) = (1, await reader.ReadLineAsync(cancellationToken)); line is not null; number++)
            {
                var next = await reader.ReadLineAsync(cancellationToken);
                var isAnswer = AnswerLine.TryRead(line, out var id, out var isAnswered);
                if (!isAnswer && next is not null)
                {
                    throw new InvalidDataException($"--out: line {number} of {file} is no answer: name another file.");
                }

                if (isAnswer && isAnswered)
                {
                    kept[id] = kept.GetValueOrDefault(id) + 1;
                    await writer.WriteAsync($"{line}\n".AsMemory(), cancellationToken);
                }

                line = next;
            }

            // One line, and that is no answer: not a torn one, but somebody's file.
            if (kept.Count == 0 && !await BeginsAsAnswerAsync(file, cancellationToken))
            {
                throw new InvalidDataException($"--out: {file} holds no answers: name another file.");
            }
        }

        await mended.CompleteAsync();
    }

    private static async Task<bool> BeginsAsAnswerAsync(FileInfo file, CancellationToken cancellationToken)
    {
        using var reader = file.OpenText();
        var line = (await reader.ReadLineAsync(cancellationToken) ?? "").Replace(" ", "", StringComparison.Ordinal);
        return Beginning.StartsWith(line, StringComparison.Ordinal) || line.StartsWith(Beginning, StringComparison.Ordinal);
    }
}
