using System.Globalization;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Client.Examples;

/// <summary>What the fields of a row say of the teacher's answer besides its label and rationale.</summary>
internal static class TeachingFields
{
    private static readonly string[] Json = ["label_distribution", "log_probabilities", "rationales", "samples"];
    private static readonly string[] Plain = ["teacher", "model", "prompt", "prompt_hash", "finish_reason", "create_time", "kept", "rationalized", "permits_distillation", "agreement"];

    /// <summary>Whether a field is one of these.</summary>
    public static bool IsOne(string name) => IsJson(name) || Plain.Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Whether its text is JSON.</summary>
    public static bool IsJson(string name) => Json.Contains(name, StringComparer.OrdinalIgnoreCase);

    /// <summary>Reads them; null where there are none.</summary>
    /// <param name="field">A field's text by its name.</param>
    /// <param name="label">The teacher's label.</param>
    /// <param name="rationale">The teacher's rationale.</param>
    /// <exception cref="InvalidDataException">One cannot be used; the message says which.</exception>
    public static Teaching? Read(Func<string, string?> field, string label, string rationale)
    {
        string Text(string name) => field(name) ?? "";
        bool Flag(string name) => Text(name).ToUpperInvariant() switch { "TRUE" or "1" => true, "" or "FALSE" or "0" => false, _ => throw Wrong(name, "true or false") };
        var provenance = new Provenance
        {
            Teacher = Text("teacher"),
            Model = Text("model"),
            Prompt = Text("prompt"),
            PromptHash = Text("prompt_hash"),
            FinishReason = Text("finish_reason"),
            CreateTime = TimeOf(Text("create_time")),
            Kept = Flag("kept"),
            Rationalized = Flag("rationalized"),
            PermitsDistillation = Flag("permits_distillation"),
        };
        var teaching = new Teaching { Agreement = Number(Text("agreement"), "agreement"), Provenance = provenance.CalculateSize() > 0 ? provenance : null };
        Add(field, "label_distribution", "an object with a number for each label", list => teaching.LabelDistribution.AddRange(
            list.EnumerateObject().Select(entry => new LabelProbability { Label = entry.Name, Probability = entry.Value.GetDouble() })));
        Add(field, "rationales", "a list of texts", list => teaching.Rationales.AddRange(list.EnumerateArray().Select(TextOf)));
        Add(field, "samples", "a list of answers", list => teaching.Rationales.AddRange(list.EnumerateArray().Where(sample => Named(sample, "llm_label") == label)
            .Select(sample => Named(sample, "rationale")).Where(other => other.Length > 0 && other != rationale).Distinct(StringComparer.Ordinal)));
        Add(field, "log_probabilities", "a list of positions, each a list of [token, log-probability]", list => teaching.Tokens.AddRange(LabelTokens.Of([.. list.EnumerateArray().Select(PositionOf)], label, rationale)));
        return teaching.CalculateSize() > 0 ? teaching : null;
    }

    private static void Add(Func<string, string?> field, string name, string expected, Action<JsonElement> add)
    {
        if (field(name) is not { Length: > 0 } text)
        {
            return;
        }

        try
        {
            using var json = JsonDocument.Parse(text);
            add(json.RootElement);
        }
        catch (Exception wrong) when (wrong is JsonException or InvalidOperationException or FormatException)
        {
            throw Wrong(name, expected);
        }
    }

    private static TokenPosition PositionOf(JsonElement list)
    {
        var position = new TokenPosition();
        position.Tokens.AddRange(list.EnumerateArray().Select(token => token.GetArrayLength() == 2
            ? new TokenLogProbability { Token = TextOf(token[0]), LogProbability = token[1].GetDouble() }
            : throw new FormatException()));
        return position.Tokens.Count > 0 ? position : throw new FormatException();
    }

    private static string TextOf(JsonElement value) => value.GetString() ?? throw new FormatException();

    private static string Named(JsonElement sample, string name) => sample.TryGetProperty(name, out var value) ? TextOf(value) : "";

    private static double Number(string text, string name) =>
        text.Length == 0 ? 0 : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) ? number : throw Wrong(name, "a number");

    private static Timestamp? TimeOf(string text) =>
        text.Length == 0 ? null
        : DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time) ? Timestamp.FromDateTimeOffset(time)
        : throw Wrong("create_time", "a time such as 2026-01-31T12:00:00Z");

    private static InvalidDataException Wrong(string name, string expected) => new($"'{name}' is not {expected}");
}
