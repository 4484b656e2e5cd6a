using System.Text.Json;
using DistillGrpc.Contracts.V1;
using static DistillGrpc.Teacher.Backends.OpenAi.LenientJson;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>One event of a streamed completion.</summary>
/// <param name="IsEnd">It says that no other follows.</param>
/// <param name="Text">More text.</param>
/// <param name="FinishReason">Why the text ends, on its last event.</param>
/// <param name="Model">The model, as the endpoint names it.</param>
/// <param name="Usage">The tokens of the whole call, on the last event.</param>
/// <param name="LogProbabilities">Of the text's tokens, for <see cref="OpenAi.LogProbabilities"/>.</param>
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

    private static Usage? UsageOf(JsonElement usage) => usage.ValueKind != JsonValueKind.Object ? null
        : new Usage { InputTokens = (long)Number(Of(usage, "prompt_tokens"), 0), OutputTokens = (long)Number(Of(usage, "completion_tokens"), 0) };
}
