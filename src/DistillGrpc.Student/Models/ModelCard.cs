using System.Text.Json;
using System.Text.Json.Serialization;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Models;

/// <summary>What a student needs besides its weights, in <c>distill.json</c> beside them.</summary>
internal sealed record ModelCard
{
    public const string File = "distill.json";

    public const string DefaultLabelPrefix = "[label] ";

    public const string DefaultRationalePrefix = "[rationale] ";

    public const int MaxPrefixLength = 200;

    private const int MostInputTokens = 4096;

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower, RespectNullableAnnotations = true, Converters = { new JsonStringEnumConverter(JsonNamingPolicy.SnakeCaseLower, allowIntegerValues: false) } };

    public string LabelPrefix { get; init; } = DefaultLabelPrefix;

    public string RationalePrefix { get; init; } = DefaultRationalePrefix;

    public int MaxInputTokens { get; init; } = 512;

    /// <summary>How label and rationale come.</summary>
    public PredictionForm Form { get; init; } = PredictionForm.Separate;

    /// <summary>It was trained on labels alone.</summary>
    public bool LacksRationales { get; init; }

    /// <summary>It has learnt the rationale of a given label.</summary>
    public bool ExplainsGivenLabel { get; init; }

    /// <summary>The task's prefix is what the decoder begins with.</summary>
    public bool PrefixOnDecoder { get; init; }

    /// <summary>Who has explained the rows that it learnt from, and is asked for what it cannot answer by itself, <c>teachers/{id}</c>; empty for the Teacher's default.</summary>
    public string Teacher { get; init; } = "";

    /// <summary>The prompt that goes with it, <c>prompts/{id}</c>.</summary>
    public string Prompt { get; init; } = "";

    /// <summary>The task's labels as they were learnt, in ordinal order; empty where they are no classes, or nobody has said.</summary>
    public IReadOnlyList<string> Labels { get; init; } = [];

    /// <summary>When a label that is read from a rationale can be relied on; null where nobody has measured it.</summary>
    public ReadingCard? Reading { get; init; }

    /// <summary>Reads the card of a model; one that has none, such as a pretrained T5, gets the defaults.</summary>
    /// <exception cref="InvalidDataException">The card is damaged.</exception>
    public static ModelCard Read(string directory)
    {
        var path = Path.Combine(directory, File);
        try
        {
            var card = System.IO.File.Exists(path) ? JsonSerializer.Deserialize<ModelCard>(System.IO.File.ReadAllBytes(path), Json) ?? new ModelCard() : new ModelCard();
            return card is { LabelPrefix.Length: <= MaxPrefixLength, RationalePrefix.Length: <= MaxPrefixLength, MaxInputTokens: >= 1 and <= MostInputTokens, Form: not PredictionForm.Unspecified } && AreLabels(card.Labels) && IsReading(card.Reading)
                ? card
                : throw new InvalidDataException($"{File}: prefixes may have {MaxPrefixLength} characters, max_input_tokens is 1 to {MostInputTokens}, form is a form, and labels are at most {LabelMetrics.MaxClasses} texts of at most {LabelMetrics.MaxClassLength} characters.");
        }
        catch (JsonException damaged)
        {
            throw new InvalidDataException($"{File} is damaged.", damaged);
        }
    }

    public ModelAbilities Describe() => new() { Form = Form, LacksRationales = LacksRationales, ExplainsGivenLabel = ExplainsGivenLabel, PrefixOnDecoder = PrefixOnDecoder };

    public void Write(string directory) => System.IO.File.WriteAllBytes(Path.Combine(directory, File), JsonSerializer.SerializeToUtf8Bytes(this, Json));

    // The file may be anybody's.
    private static bool AreLabels(IReadOnlyList<string>? labels) => labels is { Count: <= LabelMetrics.MaxClasses } && labels.All(label => label is { Length: > 0 and <= LabelMetrics.MaxClassLength });

    private static bool IsReading(ReadingCard? reading) => reading is null
        || (AreLabels(reading.TellingLabels) && reading.LeastProbability is null or (>= 0 and <= 1)
            && reading.Place is null or { Before.Length: >= 1 and <= LabelPlace.MostCharacters, After.Length: <= LabelPlace.MostCharacters });
}
