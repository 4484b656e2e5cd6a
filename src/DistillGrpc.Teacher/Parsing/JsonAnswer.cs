using System.Text;
using System.Text.Json;

namespace DistillGrpc.Teacher.Parsing;

/// <summary>Answers as JSON objects with <c>rationale</c> and <c>label</c>, in ``` fences or not, with text around them or not.</summary>
internal static class JsonAnswer
{
    private const string Fence = "```";
    private const int MostTries = 64;

    /// <summary>Whether a text is nothing else than such an answer, as far as its beginning tells.</summary>
    public static bool IsLikely(string text) => text.StartsWith('{') || (text.StartsWith(Fence, StringComparison.Ordinal) && text.Contains('{', StringComparison.Ordinal));

    /// <summary>Finds all of them.</summary>
    /// <param name="text">What the model wrote.</param>
    /// <param name="needsRationale">One without a rationale does not count.</param>
    /// <returns>Rationale and label, and where the label stands in the text.</returns>
    public static IReadOnlyList<(string Rationale, string Label, int At)> Find(string text, bool needsRationale)
    {
        var found = new List<(string, string, int)>();
        var bytes = Encoding.UTF8.GetBytes(text);
        var at = 0;
        for (var tries = 0; tries < MostTries && bytes.AsSpan(at).IndexOf((byte)'{') is >= 0 and var next; tries++)
        {
            at += next;
            at += Math.Max(1, Read(bytes, at, needsRationale, found));
        }

        return found;
    }

    // The object's length in bytes; 0 where there is none.
    private static int Read(byte[] bytes, int at, bool needsRationale, List<(string Rationale, string Label, int At)> found)
    {
        var reader = new Utf8JsonReader(bytes.AsSpan(at));
        var (rationale, label, labelAt) = (default(string), default(string), 0);
        try
        {
            while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
            {
                if (reader.TokenType != JsonTokenType.PropertyName)
                {
                    continue;
                }

                var name = reader.GetString();
                reader.Read();
                if (name == "rationale" && reader.TokenType == JsonTokenType.String)
                {
                    rationale = reader.GetString();
                }
                else if (name == "label" && reader.TokenType is JsonTokenType.String or JsonTokenType.Number)
                {
                    label = reader.TokenType == JsonTokenType.String ? reader.GetString() : Encoding.UTF8.GetString(reader.ValueSpan);
                    labelAt = at + (int)reader.TokenStartIndex + (reader.TokenType == JsonTokenType.String ? 1 : 0);
                }
                else
                {
                    reader.Skip();
                }
            }
        }
        catch (Exception none) when (none is JsonException or InvalidOperationException)
        {
            return 0;
        }

        if (label is not null && (rationale is not null || !needsRationale))
        {
            found.Add((rationale?.Trim() ?? "", label, Encoding.UTF8.GetCharCount(bytes, 0, labelAt)));
        }

        return (int)reader.BytesConsumed;
    }
}
