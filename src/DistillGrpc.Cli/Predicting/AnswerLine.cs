using System.Buffers.Binary;
using System.Globalization;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
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

    /// <summary>What tells a question from others.</summary>
    /// <param name="request">All that the Student is asked, but the row's id.</param>
    /// <param name="form">How the answer is written down.</param>
    public static ulong HashOf(IMessage request, AnswerForm form) => BinaryPrimitives.ReadUInt64BigEndian(SHA256.HashData([.. request.ToByteArray(), (byte)form]));

    /// <summary>An answer as a line; fields without a value are left out.</summary>
    public static string Text(params (string Name, object? Value)[] fields) =>
        JsonSerializer.Serialize(fields.Where(field => field.Value is not null).ToDictionary(field => field.Name, field => field.Value), Json);

    /// <summary>An answer's line as it stands in a file.</summary>
    public static string InFile(string line, ulong asked) => string.Create(CultureInfo.InvariantCulture, $"{Beginning}{asked:x16}\",{line[1..]}");

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
                ? new AnswerLine(id.GetString()!, asked, !IsRefused(fields))
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

    // Whether the Teacher, who was to be asked, has not answered counts as well: it may do so the next time.
    private static bool IsRefused(Dictionary<string, JsonElement> fields) =>
        fields.ContainsKey("error") || fields.ContainsKey("escalation_error") || (fields.TryGetValue("classification", out var all) && all.TryGetProperty("escalationError", out _));

    private static bool IsOurs(string name, JsonValueKind kind) => name switch
    {
        "asked" or "id" or "label" or "rationale" or "consistency" or "escalation_error" => kind == JsonValueKind.String,
        "probability" => kind == JsonValueKind.Number,
        "labels" => kind == JsonValueKind.Array,
        "abstained" or "escalated" => kind is JsonValueKind.True or JsonValueKind.False,
        "classification" => kind == JsonValueKind.Object,
        "error" => kind is JsonValueKind.String or JsonValueKind.Object,
        // Its id, or all that the Student says.
        "prediction" => kind is JsonValueKind.String or JsonValueKind.Object,
        _ => false,
    };
}
