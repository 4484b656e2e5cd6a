using System.Runtime.CompilerServices;
using System.Text.Json;
using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Parsing;

namespace DistillGrpc.Client.Examples;

/// <summary>
/// The layout of the paper's own repository: a gold file <c>NAME_SPLIT.json</c> (an array of objects, or an object on each line), and beside
/// it <c>llm/SPLIT_CoT_0.json</c>, <c>_1</c>, ... with what a model wrote for its rows in their order, an array of texts each. A text is read
/// up to where its answer ends: what runs on with questions of the model's own does not count.
/// </summary>
public static partial class ReferenceLayout
{
    /// <summary>Reads the rows in order, with the label and rationale of those that have been answered.</summary>
    /// <param name="goldFile">The gold file.</param>
    /// <param name="columns">Names that differ from the usual ones.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <exception cref="InvalidDataException">A file is not there or cannot be used, or there are more answers than rows.</exception>
    /// <exception cref="IOException">A file cannot be read.</exception>
    public static IAsyncEnumerable<FileRow> ReadRowsAsync(string goldFile, ExampleColumns columns, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(columns);
        return ExampleReader.Distinct(JoinAsync(goldFile, columns, cancellationToken));
    }

    private static async IAsyncEnumerable<FileRow> JoinAsync(string goldFile, ExampleColumns columns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var answers = AnswersAsync(goldFile, cancellationToken).GetAsyncEnumerator(cancellationToken);
        var (rows, isAnswered) = (0L, true);
        await foreach (var row in GoldAsync(goldFile, columns, cancellationToken))
        {
            rows++;
            isAnswered = isAnswered && await answers.MoveNextAsync();
            if (isAnswered && row.Example is not null)
            {
                Teach(row.Example, answers.Current);
            }

            yield return row;
        }

        if (isAnswered && await answers.MoveNextAsync())
        {
            throw new InvalidDataException($"{Path.GetFileName(goldFile)}: there are more answers than its {rows} rows.");
        }
    }

    private static async IAsyncEnumerable<FileRow> GoldAsync(string path, ExampleColumns columns, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var file = File.OpenRead(path);
        if (!IsArray(file))
        {
            await foreach (var row in JsonRows.ReadAsync(file, columns, cancellationToken))
            {
                yield return row;
            }

            yield break;
        }

        var number = 0;
        await foreach (var row in ArrayAsync<JsonElement>(file, path, cancellationToken))
        {
            yield return JsonRows.Read(row, ++number, columns);
        }
    }

    private static async IAsyncEnumerable<string> AnswersAsync(string goldFile, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        foreach (var path in AnswerFiles(goldFile))
        {
            await using var file = File.OpenRead(path);
            await foreach (var text in ArrayAsync<string?>(file, path, cancellationToken))
            {
                yield return text ?? throw NotTexts(path);
            }
        }
    }

    // By their numbers: 10 comes after 9.
    private static string[] AnswerFiles(string goldFile)
    {
        var (folder, split) = (Path.Combine(Path.GetDirectoryName(Path.GetFullPath(goldFile))!, "llm"), Path.GetFileNameWithoutExtension(goldFile).Split('_')[^1]);
        var files = !Directory.Exists(folder) ? [] : Directory.GetFiles(folder, "*.json")
            .Select(path => (Path: path, Match: AnswerFile().Match(Path.GetFileName(path))))
            .Where(file => file.Match.Success && file.Match.Groups["split"].Value == split)
            .OrderBy(file => int.Parse(file.Match.Groups["number"].Value, System.Globalization.CultureInfo.InvariantCulture)).Select(file => file.Path).ToArray();
        return files.Length > 0 ? files : throw new InvalidDataException($"{Path.GetFileName(goldFile)}: there is no llm/{split}_CoT_0.json beside it.");
    }

    private static bool IsArray(FileStream file)
    {
        int next;
        do
        {
            next = file.ReadByte();
        }
        while (next is ' ' or '\t' or '\r' or '\n' or 0xEF or 0xBB or 0xBF);
        file.Position = 0;
        return next == '[';
    }

    private static async IAsyncEnumerable<T> ArrayAsync<T>(Stream stream, string path, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        await using var items = JsonSerializer.DeserializeAsyncEnumerable<T>(stream, cancellationToken: cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await NextAsync())
        {
            yield return items.Current!;
        }

        async ValueTask<bool> NextAsync()
        {
            try
            {
                return await items.MoveNextAsync();
            }
            catch (JsonException)
            {
                throw typeof(T) == typeof(string) ? NotTexts(path) : new InvalidDataException($"{Path.GetFileName(path)} is not a JSON array.");
            }
        }
    }

    private static void Teach(Example row, string text)
    {
        var (outcome, rationale, label) = AnswerParser.Parse(text, AnswerFormat.Of(FormOf(row)), string.Join('\n', row.Segments), isCut: true);
        // Without an answer, what was written is not known to be the reason for one.
        if (outcome is ParseOutcome.Parsed or ParseOutcome.EmptyRationale or ParseOutcome.LabelOutsideSet or ParseOutcome.SeveralLabels)
        {
            (row.TeacherLabel, row.Rationale) = (label, rationale);
        }
    }

    // The paper's tasks: natural language inference, multiple choice, word problems.
    private static AnswerForm FormOf(Example row) =>
        row.Segments.Count > 1 ? AnswerForm.Nli
        : AnswerParser.OptionsOf(row.Segments[0]).Count > 1 ? AnswerForm.Choice
        : Equation().IsMatch(row.Label) ? AnswerForm.Equation
        : AnswerForm.Text;

    private static InvalidDataException NotTexts(string path) => new($"{Path.GetFileName(path)} is not a JSON array of texts.");

    [GeneratedRegex(@"^(?<split>[^_]+)_CoT_(?<number>[0-9]{1,6})\.json$", RegexOptions.CultureInvariant)]
    private static partial Regex AnswerFile();

    [GeneratedRegex(@"^(?=.*[0-9])[0-9 .+\-*/()]+$", RegexOptions.CultureInvariant)]
    private static partial Regex Equation();
}
