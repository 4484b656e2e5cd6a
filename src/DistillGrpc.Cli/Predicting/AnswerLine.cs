using System.Text.Encodings.Web;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Predicting;

/// <summary>The answer to a row, as a JSON object on a line of its own.</summary>
internal static class AnswerLine
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

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

    /// <summary>Reads the id of a row that was written, and whether it has an answer; false where the line is none.</summary>
    public static bool TryRead(string line, out string id, out bool isAnswered)
    {
        (id, isAnswered) = ("", false);
        try
        {
            using var parsed = JsonDocument.Parse(line);
            if (parsed.RootElement.ValueKind != JsonValueKind.Object || !parsed.RootElement.TryGetProperty("id", out var value) || value.ValueKind != JsonValueKind.String)
            {
                return false;
            }

            (id, isAnswered) = (value.GetString()!, !parsed.RootElement.TryGetProperty("error", out _));
            return true;
        }
        catch (JsonException)
        {
            return false;
        }
    }

    private static string? NullIfEmpty(string? text) => string.IsNullOrEmpty(text) ? null : text;
}
