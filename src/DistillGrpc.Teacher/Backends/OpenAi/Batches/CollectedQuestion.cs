using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>A question that waits for its batch.</summary>
/// <param name="key">The answer's key.</param>
/// <param name="body">What is asked.</param>
internal sealed class CollectedQuestion(byte[] key, JsonObject body)
{
    private const int BytesAround = 256;

    public byte[] Key => key;

    /// <summary>Its name among the batch's requests.</summary>
    public string Id { get; } = Convert.ToHexString(key);

    public JsonObject Body => body;

    /// <summary>About what it takes in the batch's file.</summary>
    public int Bytes { get; } = JsonSerializer.SerializeToUtf8Bytes(body).Length + BytesAround;

    /// <summary>Where it is, once that is known; null where another process has the answer.</summary>
    public TaskCompletionSource<BatchPlace?> Place { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
}
