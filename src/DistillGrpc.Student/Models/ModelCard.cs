using System.Text.Json;

namespace DistillGrpc.Student.Models;

/// <summary>What a student needs besides its weights, in <c>distill.json</c> beside them.</summary>
internal sealed record ModelCard
{
    public const string File = "distill.json";

    public const string DefaultLabelPrefix = "[label] ";

    public const string DefaultRationalePrefix = "[rationale] ";

    public const int MaxPrefixLength = 200;

    private const int MostInputTokens = 4096;

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower };

    public string LabelPrefix { get; init; } = DefaultLabelPrefix;

    public string RationalePrefix { get; init; } = DefaultRationalePrefix;

    public int MaxInputTokens { get; init; } = 512;

    /// <summary>Reads the card of a model; one that has none, such as a pretrained T5, gets the defaults.</summary>
    /// <exception cref="InvalidDataException">The card is damaged.</exception>
    public static ModelCard Read(string directory)
    {
        var path = Path.Combine(directory, File);
        try
        {
            var card = System.IO.File.Exists(path) ? JsonSerializer.Deserialize<ModelCard>(System.IO.File.ReadAllBytes(path), Json) ?? new ModelCard() : new ModelCard();
            return card is { LabelPrefix.Length: <= MaxPrefixLength, RationalePrefix.Length: <= MaxPrefixLength, MaxInputTokens: >= 1 and <= MostInputTokens }
                ? card
                : throw new InvalidDataException($"{File}: prefixes may have {MaxPrefixLength} characters, and max_input_tokens is 1 to {MostInputTokens}.");
        }
        catch (JsonException damaged)
        {
            throw new InvalidDataException($"{File} is damaged.", damaged);
        }
    }

    public void Write(string directory) => System.IO.File.WriteAllBytes(Path.Combine(directory, File), JsonSerializer.SerializeToUtf8Bytes(this, Json));
}
