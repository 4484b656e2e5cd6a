using System.Text.Json;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>Where a batch stands, as its endpoint says.</summary>
/// <param name="End">How it ended; null while it has not.</param>
/// <param name="Code">Why it failed, in the endpoint's word, or empty.</param>
/// <param name="Files">The files with results that there are: answers, then failures.</param>
internal sealed record BatchStatus(BatchEnd? End, string Code, IReadOnlyList<string> Files)
{
    private const int MaxCodeLength = 64;

    /// <summary>Reads the endpoint's object. A status that nobody knows is no end.</summary>
    public static BatchStatus Read(JsonElement batch)
    {
        BatchEnd? end = Text(batch, "status") switch
        {
            "completed" => BatchEnd.Completed,
            "failed" => BatchEnd.Failed,
            "expired" => BatchEnd.Expired,
            "cancelled" => BatchEnd.Cancelled,
            _ => null,
        };
        var files = new[] { "output_file_id", "error_file_id" }.Select(name => Text(batch, name)).Where(file => file.Length > 0);
        return new BatchStatus(end, FailureOf(batch), [.. files]);
    }

    /// <summary>A text, or empty.</summary>
    public static string Text(JsonElement element, string name) =>
        LenientJson.TextOf(element, name) ?? "";

    /// <summary>An error's code where it is a word: anything longer may be a text with a key or an address in it.</summary>
    public static string CodeOf(JsonElement error) =>
        Text(error, "code") is { Length: <= MaxCodeLength } code && code.All(c => char.IsAsciiLetterLower(c) || c == '_') ? code : "";

    private static string FailureOf(JsonElement batch) =>
        batch.ValueKind == JsonValueKind.Object && batch.TryGetProperty("errors", out var errors) && errors.ValueKind == JsonValueKind.Object
        && errors.TryGetProperty("data", out var data) && data.ValueKind == JsonValueKind.Array
            ? data.EnumerateArray().Select(CodeOf).FirstOrDefault(code => code.Length > 0) ?? ""
            : "";
}
