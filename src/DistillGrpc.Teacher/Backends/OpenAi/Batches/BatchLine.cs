using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Answers;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>A line of a batch's results, of either file.</summary>
internal static class BatchLine
{
    private const int Ok = 200;

    // As many as an endpoint gives; how many were asked for is not in the line.
    private const int MostTokens = 20;

    /// <summary>The result; null where the line is none.</summary>
    /// <param name="line">The line.</param>
    /// <param name="now">When the answer counts as given.</param>
    public static BatchResult? Read(ReadOnlyMemory<byte> line, DateTimeOffset now)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            var root = json.RootElement;
            var id = BatchStatus.Text(root, "custom_id");
            if (id.Length == 0)
            {
                return null;
            }

            var (status, body) = Response(root);
            return status == Ok ? new BatchResult(id, Answer(body, now), null) : new BatchResult(id, null, Failure(status, Code(root, body)));
        }
        catch (Exception unreadable) when (unreadable is JsonException or InvalidOperationException or KeyNotFoundException or FormatException or IndexOutOfRangeException)
        {
            return null;
        }
    }

    // No response is a request that was not worked on.
    private static (int Status, JsonElement Body) Response(JsonElement root) =>
        root.TryGetProperty("response", out var response) && response.ValueKind == JsonValueKind.Object
            ? (response.GetProperty("status_code").GetInt32(), response.TryGetProperty("body", out var body) ? body : default)
            : default;

    private static WrittenAnswer Answer(JsonElement body, DateTimeOffset now)
    {
        var choice = body.GetProperty("choices")[0];
        var message = choice.GetProperty("message");
        var usage = body.TryGetProperty("usage", out var counted) && counted.ValueKind == JsonValueKind.Object
            ? new Usage { InputTokens = Count(counted, "prompt_tokens"), OutputTokens = Count(counted, "completion_tokens") }
            : new Usage();
        var text = BatchStatus.Text(message, "content") is { Length: > 0 } content ? content : BatchStatus.Text(message, "refusal");
        // An answer is whole only where it is said why it ends.
        var finish = BatchStatus.Text(choice, "finish_reason");
        var tokens = new TokenCollector(MostTokens);
        LogProbabilities.AddTo(tokens, LenientJson.Of(choice, "logprobs"));
        return finish.Length == 0
            ? throw new FormatException()
            : new WrittenAnswer(text, finish, BatchStatus.Text(body, "model"), usage, now) { Tokens = tokens.Positions };
    }

    // A wrong count is no reason to lose an answer.
    private static long Count(JsonElement counted, string name) =>
        counted.TryGetProperty(name, out var tokens) && tokens.ValueKind == JsonValueKind.Number && tokens.TryGetInt64(out var count) ? count : 0;

    private static string Code(JsonElement root, JsonElement body)
    {
        var error = root.TryGetProperty("error", out var own) && own.ValueKind == JsonValueKind.Object ? own
            : body.ValueKind == JsonValueKind.Object && body.TryGetProperty("error", out var inner) ? inner
            : default;
        return BatchStatus.CodeOf(error);
    }

    private static TeacherRowException Failure(int status, string code)
    {
        var said = (status, code.Length) switch { (0, 0) => "", (0, _) => $" ({code})", (_, 0) => $" (HTTP {status})", _ => $" (HTTP {status}, {code})" };
        return (status, code) switch
        {
            (_, "batch_expired") => new(StatusCode.Unavailable, "BATCH_EXPIRED", "The batch's time was over before this input's turn."),
            (_, "batch_cancelled") => new(StatusCode.Unavailable, "BATCH_CANCELLED", "The batch was cancelled before this input's turn."),
            (_, "content_filter") => new(StatusCode.InvalidArgument, "CONTENT_FILTERED", $"The teacher's endpoint does not take this input{said}."),
            (0 or 408 or 409 or 425 or 429 or >= 500, _) => new(StatusCode.Unavailable, "TEACHER_FAILED", $"The teacher's endpoint failed on this input{said}."),
            _ => new(StatusCode.InvalidArgument, "TEACHER_REFUSED_INPUT", $"The teacher's endpoint refuses this input{said}."),
        };
    }
}
