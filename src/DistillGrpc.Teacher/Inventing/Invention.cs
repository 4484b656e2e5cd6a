using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Quality;

namespace DistillGrpc.Teacher.Inventing;

/// <summary>
/// What is asked for, try by try. A question depends on nothing but the request, the place that it is for and the number of the
/// try, so that the same request again asks the same questions, whose answers are kept.
/// </summary>
internal sealed class Invention(InventInputsRequest request)
{
    private const int ShownSeeds = 5;
    private const string Separator = "---";

    /// <summary>Segments of an input.</summary>
    public int Segments { get; } = request.Seeds.Count > 0 ? request.Seeds[0].Segments.Count : 1;

    /// <summary>The label that a place is for; empty where there are none.</summary>
    public string LabelOf(int place) => request.Labels.Count > 0 ? request.Labels[place % request.Labels.Count] : "";

    /// <summary>Which of all the answers to this request a try is.</summary>
    public int SampleOf(int place, int attempt) => place + (attempt * request.Count);

    /// <summary>What the prompt shows: the task, examples, the label. Other examples with every sample, which keeps what is invented apart.</summary>
    public Example Question(int place, int attempt) => new()
    {
        Segments = { request.TaskDescription, Examples(SampleOf(place, attempt)), LabelOf(place) is { Length: > 0 } label ? label : "any" },
    };

    /// <summary>The input that was written; null where it is none.</summary>
    public Example? Read(string text, int place)
    {
        var input = new Example { TeacherLabel = LabelOf(place) };
        input.Segments.AddRange(Parts(text));
        return input.Segments.Count == Segments && input.Segments.All(segment => Words.Of(segment).Count > 0) ? input : null;
    }

    private string Examples(int sample)
    {
        var shown = Math.Min(ShownSeeds, request.Seeds.Count);
        return shown == 0 ? "none" : string.Join("\n\n", Enumerable.Range(0, shown).Select(i => Shown(request.Seeds[(int)(((long)sample * shown + i) % request.Seeds.Count)])));
    }

    private static string Shown(Example seed) => string.Join($"\n{Separator}\n", seed.Segments);

    private IEnumerable<string> Parts(string text)
    {
        if (Segments == 1)
        {
            return [Unquoted(text)];
        }

        var parts = new List<List<string>> { new() };
        foreach (var line in text.Split('\n'))
        {
            if (line.Trim() == Separator)
            {
                parts.Add([]);
            }
            else
            {
                parts[^1].Add(line);
            }
        }

        return parts.Select(lines => Unquoted(string.Join('\n', lines)));
    }

    // Models quote what they are asked to write; quotes inside are the input's own.
    private static string Unquoted(string text)
    {
        var own = text.Trim();
        return own.Length > 2 && (own[0], own[^1]) is ('"', '"') or ('\u201c', '\u201d') && own.AsSpan(1, own.Length - 2).IndexOfAny('"', '\u201d') < 0 ? own[1..^1].Trim() : own;
    }
}
