using System.Text;
using System.Text.Json;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Parsing;
using DistillGrpc.Teacher.Prompts;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends;

/// <summary>Answers that a teacher gave before, from a file of rows (<see cref="ExampleFile"/>), found by the input's text.</summary>
internal sealed class RecordedBackend : ITeacherBackend
{
    private readonly Dictionary<string, List<Example>> _rows = new(StringComparer.Ordinal);

    private readonly Dictionary<(string Key, string Id), BackendAnswer> _parsed = [];

    private RecordedBackend()
    {
    }

    public string Kind => "recorded";

    public string Model => "";

    public Prompt? DefaultPrompt => null;

    /// <summary>Reads the file.</summary>
    /// <exception cref="InvalidDataException">A line cannot be used.</exception>
    public static async Task<RecordedBackend> LoadAsync(string path)
    {
        var backend = new RecordedBackend();
        await foreach (var row in ExampleFile.ReadAsync(path))
        {
            var key = Key(row);
            if (!backend._rows.TryGetValue(key, out var same))
            {
                backend._rows.Add(key, same = []);
            }

            same.Add(row);
        }

        return backend;
    }

    /// <summary>Reads rows and, in their order, what the teacher wrote for them.</summary>
    /// <exception cref="InvalidDataException">A file cannot be used, or there are more texts than rows.</exception>
    public static async Task<RecordedBackend> LoadAsync(string path, IReadOnlyList<string> outputs, AnswerFormat format)
    {
        var backend = await LoadAsync(path);
        var texts = outputs.SelectMany(ReadTexts).ToArray();
        var number = 0;
        await foreach (var row in ExampleFile.ReadAsync(path))
        {
            if (number < texts.Length)
            {
                var (outcome, rationale, label) = AnswerParser.Parse(texts[number], format, string.Join('\n', row.Segments), isCut: true);
                backend._parsed[(Key(row), row.Id)] = new BackendAnswer(outcome, rationale, label, texts[number], "");
            }

            number++;
        }

        return texts.Length <= number ? backend : throw new InvalidDataException($"There are {texts.Length} outputs for {number} rows");
    }

    public async ValueTask<BackendAnswer> AnswerAsync(Example input, RationaleQuery query, TextListener? onText, CancellationToken cancellationToken)
    {
        if (!_rows.TryGetValue(Key(input), out var same))
        {
            throw new TeacherRowException(StatusCode.NotFound, "NOT_RECORDED", "No answer to this input was recorded.");
        }

        // Equal inputs may have been answered more than once: the row of the same id is the one that is meant.
        var row = same.Find(candidate => candidate.Id == input.Id) ?? same[0];
        if (_parsed.TryGetValue((Key(input), row.Id), out var parsed))
        {
            if (onText is not null)
            {
                await onText(parsed.RawText, isRestart: false);
            }

            return parsed;
        }

        var raw = row.TeacherLabel.Length > 0 ? $"{row.Rationale} The answer is {row.TeacherLabel}." : row.Rationale;
        if (onText is not null)
        {
            await onText(raw, isRestart: false);
        }

        var outcome = row.TeacherLabel.Length == 0 ? ParseOutcome.NoLabel
            : row.Rationale.Length == 0 ? ParseOutcome.EmptyRationale
            : ParseOutcome.Parsed;
        return new BackendAnswer(outcome, row.Rationale, row.TeacherLabel, raw, "stop");
    }

    private static string[] ReadTexts(string path)
    {
        try
        {
            var texts = JsonSerializer.Deserialize<string?[]>(File.ReadAllBytes(path)) ?? throw new JsonException();
            return Array.ConvertAll(texts, text => text ?? throw new JsonException());
        }
        catch (JsonException damaged)
        {
            throw new InvalidDataException($"{Path.GetFileName(path)} is not a JSON array of texts", damaged);
        }
    }

    // White space does not tell inputs apart; where one segment ends does.
    private static string Key(Example row)
    {
        var key = new StringBuilder();
        foreach (var segment in row.Segments)
        {
            key.AppendJoin(' ', segment.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)).Append('\n');
        }

        return key.ToString();
    }
}
