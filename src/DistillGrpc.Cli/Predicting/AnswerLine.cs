using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Predicting;

/// <summary>The answer to a row, as a JSON object on a line of its own. In a file it begins with a hash of what was asked, so that it is not taken for the answer to something else.</summary>
/// <param name="Id">The row's id.</param>
/// <param name="Asked">What was asked, as <see cref="HashOf"/> has it.</param>
/// <param name="IsAnswered">False where the row was refused.</param>
internal readonly record struct AnswerLine(string Id, ulong Asked, bool IsAnswered)
{
    private const string Beginning = "{\"asked\":\"";
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>What tells a question from others: all that the Student is asked, and how the answer is written down.</summary>
    public static ulong HashOf(PredictRequest request, bool whole) => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData([.. request.ToByteArray(), (byte)(whole ? 1 : 0)]));

    /// <summary>Writes one.</summary>
    /// <param name="answer">The answer.</param>
    /// <param name="whole">With all that the Student says, not the texts alone.</param>
    public static string Write(BatchPredictResponse answer, bool whole)
    {
        if (whole)
        {
            return JsonFormatter.Default.Format(answer);
        }

        var fields = new[] { ("id", answer.Id), ("label", answer.Prediction?.Label?.Text), ("rationale", answer.Prediction?.Rationale?.Text), ("prediction", NullIfEmpty(answer.Prediction?.Label?.Prediction)), ("error", answer.Error?.Message) };
        return JsonSerializer.Serialize(fields.Where(field => field.Item2 is not null).ToDictionary(field => field.Item1, field => field.Item2), Json);
    }

    /// <summary>Writes one for a file.</summary>
    public static string Write(BatchPredictResponse answer, bool whole, ulong asked) => string.Create(CultureInfo.InvariantCulture, $"{Beginning}{asked:x16}\",{Write(answer, whole)[1..]}");

    /// <summary>Reads one of a file; null where the line is anything else.</summary>
    public static AnswerLine? Read(string line)
    {
        if (!line.StartsWith(Beginning, StringComparison.Ordinal))
        {
            return null;
        }

        try
        {
            using var parsed = JsonDocument.Parse(line);
            var fields = parsed.RootElement.EnumerateObject().ToDictionary(field => field.Name, field => field.Value, StringComparer.Ordinal);
            return fields.All(field => IsOurs(field.Key, field.Value.ValueKind)) && fields.TryGetValue("id", out var id)
                && ulong.TryParse(fields["asked"].GetString(), NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var asked)
                ? new AnswerLine(id.GetString()!, asked, !fields.ContainsKey("error"))
                : null;
        }
        catch (Exception other) when (other is JsonException or ArgumentException or InvalidOperationException)
        {
            // Not whole, a field comes twice, or a text has half a character.
            return null;
        }
    }

    /// <summary>Whether a text may be what a kill has left of one.</summary>
    public static bool IsTorn(string text) => Beginning.StartsWith(text, StringComparison.Ordinal) || (text.StartsWith(Beginning, StringComparison.Ordinal) && !IsWhole(text));

    private static bool IsWhole(string text)
    {
        try
        {
            using var parsed = JsonDocument.Parse(text);
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static bool IsOurs(string name, JsonValueKind kind) => name switch
    {
        "asked" or "id" or "label" or "rationale" => kind == JsonValueKind.String,
        "error" => kind is JsonValueKind.String or JsonValueKind.Object,
        // Its id, or all that the Student says.
        "prediction" => kind is JsonValueKind.String or JsonValueKind.Object,
        _ => false,
    };

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
