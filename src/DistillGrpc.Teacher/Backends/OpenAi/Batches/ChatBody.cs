using System.Text.Json.Nodes;
using Microsoft.Extensions.AI;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>A chat completion's request in JSON, as <see cref="ChatUpstream"/> makes the SDK write it, but not streamed.</summary>
internal static class ChatBody
{
    public static JsonObject Of(OpenAiOptions options, UpstreamQuestion question)
    {
        var body = new JsonObject
        {
            ["model"] = options.Model,
            ["messages"] = new JsonArray([.. question.Turns.Select(turn => new JsonObject { ["role"] = turn.Role.Value, ["content"] = turn.Text })]),
            ["temperature"] = question.Temperature,
            [options.TokenLimitField == TokenLimitField.MaxTokens ? "max_tokens" : "max_completion_tokens"] = question.MaxTokens,
        };
        if (question.TopLogProbabilities > 0)
        {
            (body["logprobs"], body["top_logprobs"]) = (true, question.TopLogProbabilities);
        }

        if (question.Format is ChatResponseFormatJson { Schema: { } schema } format)
        {
            body["response_format"] = new JsonObject
            {
                ["type"] = "json_schema",
                ["json_schema"] = new JsonObject { ["name"] = format.SchemaName, ["schema"] = JsonNode.Parse(schema.GetRawText()), ["strict"] = true },
            };
        }

        return body;
    }
}
