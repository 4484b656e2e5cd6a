using System.Text;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends;

/// <summary>Answers that a teacher gave before, from a JSONL file (<see cref="ExampleFile"/>), found by the input's text.</summary>
internal sealed class RecordedBackend : ITeacherBackend
{
    private readonly Dictionary<string, List<Example>> _rows = new(StringComparer.Ordinal);

    private RecordedBackend()
    {
    }

    public string Kind => "recorded";

    public string Model => "";

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

    public async ValueTask<BackendAnswer> AnswerAsync(Example input, RationaleSpec spec, Func<string, ValueTask>? onText, CancellationToken cancellationToken)
    {
        if (!_rows.TryGetValue(Key(input), out var same))
        {
            throw new TeacherRowException(StatusCode.NotFound, "NOT_RECORDED", "No answer to this input was recorded.");
        }

        // Equal inputs may have been answered more than once: the row of the same id is the one that is meant.
        var row = same.Find(candidate => candidate.Id == input.Id) ?? same[0];
        var raw = row.TeacherLabel.Length > 0 ? $"{row.Rationale} The answer is {row.TeacherLabel}." : row.Rationale;
        if (onText is not null)
        {
            await onText(raw);
        }

        var outcome = row.TeacherLabel.Length == 0 ? ParseOutcome.NoLabel
            : row.Rationale.Length == 0 ? ParseOutcome.EmptyRationale
            : ParseOutcome.Parsed;
        return new BackendAnswer(outcome, row.Rationale, row.TeacherLabel, raw, "stop");
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
