using System.Text.Json;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>One event of a streamed completion.</summary>
/// <param name="IsEnd">It says that no other follows.</param>
/// <param name="Text">More text.</param>
/// <param name="FinishReason">Why the text ends, on its last event.</param>
/// <param name="Model">The model, as the endpoint names it.</param>
/// <param name="Usage">The tokens of the whole call, on the last event.</param>
/// <param name="LogProbabilities">Of the text's tokens.</param>
internal readonly record struct CompletionEvent(bool IsEnd, string Text, string? FinishReason, string? Model, Usage? Usage, JsonElement LogProbabilities)
{
    /// <summary>Reads an event's data.</summary>
    /// <exception cref="JsonException">It is not JSON.</exception>
    /// <exception cref="InvalidOperationException">It is not a completion.</exception>
    /// <exception cref="UpstreamFailure">It says that the endpoint failed.</exception>
    public static CompletionEvent Parse(ReadOnlySpan<byte> data)
    {
        if (data.Trim((byte)' ').SequenceEqual("[DONE]"u8))
        {
            return new CompletionEvent(true, "", null, null, null, default);
        }

        var reader = new Utf8JsonReader(data);
        var root = JsonElement.ParseValue(ref reader);
        if (root.TryGetProperty("error", out var error) && error.ValueKind != JsonValueKind.Null)
        {
            throw UpstreamFailure.CutStream();
        }

        var choice = Of(root, "choices") is { ValueKind: JsonValueKind.Array } choices && choices.GetArrayLength() > 0 ? choices[0] : default;
        return new CompletionEvent(false, TextOf(choice, "text") ?? "", TextOf(choice, "finish_reason"), TextOf(root, "model"), UsageOf(Of(root, "usage")), Of(choice, "logprobs"));
    }

    /// <summary>Adds the text's tokens, in the layout of completions or in that of chat completions, which some servers use here too.</summary>
    public void AddTokens(TokenCollector tokens)
    {
        if (Of(LogProbabilities, "content") is { ValueKind: JsonValueKind.Array } content)
        {
            foreach (var position in content.EnumerateArray())
            {
                var bytes = Of(position, "bytes") is { ValueKind: JsonValueKind.Array } utf8 ? utf8.EnumerateArray().Select(value => value.GetByte()).ToArray() : [];
                tokens.Add(TextOf(position, "token") ?? "", bytes, Number(Of(position, "logprob")), Top(Of(position, "top_logprobs")));
            }
        }
        else if (Of(LogProbabilities, "tokens") is { ValueKind: JsonValueKind.Array } written)
        {
            for (var i = 0; i < written.GetArrayLength(); i++)
            {
                tokens.Add(written[i].GetString() ?? "", [], Number(At(Of(LogProbabilities, "token_logprobs"), i)), Top(At(Of(LogProbabilities, "top_logprobs"), i)));
            }
        }
    }

    private static IEnumerable<(string Token, double LogProbability)> Top(JsonElement top) => top.ValueKind switch
    {
        JsonValueKind.Object => top.EnumerateObject().Select(other => (other.Name, Number(other.Value))),
        JsonValueKind.Array => top.EnumerateArray().Select(other => (TextOf(other, "token") ?? "", Number(Of(other, "logprob")))),
        _ => [],
    };

    private static Usage? UsageOf(JsonElement usage) => usage.ValueKind != JsonValueKind.Object ? null
        : new Usage { InputTokens = (long)Number(Of(usage, "prompt_tokens"), 0), OutputTokens = (long)Number(Of(usage, "completion_tokens"), 0) };

    private static JsonElement Of(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;

    private static JsonElement At(JsonElement array, int index) => array.ValueKind == JsonValueKind.Array && index < array.GetArrayLength() ? array[index] : default;

    private static string? TextOf(JsonElement element, string name) => Of(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    private static double Number(JsonElement element, double none = double.NegativeInfinity) => element.ValueKind == JsonValueKind.Number ? element.GetDouble() : none;
}
