using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistillGrpc.Teacher.Parsing;
using Microsoft.Extensions.AI;

namespace DistillGrpc.Teacher.Prompts;

/// <summary>Answers as JSON objects: the reason first, so that the label follows from it.</summary>
internal static class StructuredAnswer
{
    private const string Label = "label";
    private const string Rationale = "rationale";

    // Quotes inside HTML are no danger here, and a model should see the letters that it is to write.
    private static readonly JsonSerializerOptions AsWritten = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>An answer.</summary>
    public static string Of(string rationale, string label) => new JsonObject { [Rationale] = rationale, [Label] = label }.ToJsonString(AsWritten);

    /// <summary>The schema of all answers, with the labels that exist.</summary>
    public static ChatResponseFormat FormatOf(AnswerFormat format)
    {
        var label = new JsonObject { ["type"] = "string" };
        if (format.Labels.Count > 0)
        {
            label["enum"] = new JsonArray([.. format.Labels.Select(name => JsonValue.Create(name))]);
        }

        var schema = new JsonObject
        {
            ["type"] = "object",
            ["properties"] = new JsonObject { [Rationale] = new JsonObject { ["type"] = "string" }, [Label] = label },
            ["required"] = new JsonArray(Rationale, Label),
            ["additionalProperties"] = false,
        };
        return ChatResponseFormat.ForJsonSchema(JsonSerializer.SerializeToElement(schema), "answer");
    }
}
