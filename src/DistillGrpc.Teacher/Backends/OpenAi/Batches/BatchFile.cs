using System.ClientModel;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>
/// The upload of a batch's requests: a multipart form whose file has a line for each. Lines are written as they are sent, so that
/// memory holds one; they are measured first, since endpoints want to know the length.
/// </summary>
internal sealed class BatchFile : BinaryContent
{
    private const int MaxRequests = 50_000;
    private const int MaxIdLength = 128;
    private const long MaxBytes = 200_000_000;
    private readonly IReadOnlyCollection<BatchRequest> _requests;
    private readonly byte[] _head;
    private readonly byte[] _tail;
    private readonly long _length;

    /// <summary>Checks and measures.</summary>
    /// <exception cref="ArgumentException">The requests are none, or too many, too long, or not told apart by their ids.</exception>
    public BatchFile(IReadOnlyCollection<BatchRequest> requests)
    {
        if (requests.Count is 0 or > MaxRequests)
        {
            throw new ArgumentException($"A batch has 1 to {MaxRequests} requests, not {requests.Count}.");
        }

        if (requests.Any(request => request.Id.Length is 0 or > MaxIdLength) || requests.Select(request => request.Id).Distinct(StringComparer.Ordinal).Count() != requests.Count)
        {
            throw new ArgumentException($"The ids of a batch's requests have 1 to {MaxIdLength} characters and differ.");
        }

        _requests = requests;
        var size = requests.Sum(request => (long)Line(request).Length);
        if (size > MaxBytes)
        {
            throw new ArgumentException($"A batch has at most {MaxBytes} bytes, not {size}.");
        }

        // Nothing that a line holds can look like it: JSON has no line that begins with a hyphen.
        var boundary = $"distill-{Guid.NewGuid():N}";
        MediaType = $"multipart/form-data; boundary={boundary}";
        _head = Encoding.ASCII.GetBytes(
            $"--{boundary}\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n"
            + $"--{boundary}\r\nContent-Disposition: form-data; name=\"file\"; filename=\"batch.jsonl\"\r\nContent-Type: application/jsonl\r\n\r\n");
        _tail = Encoding.ASCII.GetBytes($"\r\n--{boundary}--\r\n");
        _length = _head.Length + size + _tail.Length;
    }

    public override bool TryComputeLength(out long length)
    {
        length = _length;
        return true;
    }

    public override void WriteTo(Stream stream, CancellationToken cancellationToken = default) => throw new NotSupportedException();

    public override async Task WriteToAsync(Stream stream, CancellationToken cancellationToken = default)
    {
        await stream.WriteAsync(_head, cancellationToken);
        foreach (var request in _requests)
        {
            await stream.WriteAsync(Line(request), cancellationToken);
        }

        await stream.WriteAsync(_tail, cancellationToken);
    }

    public override void Dispose()
    {
    }

    private static byte[] Line(BatchRequest request)
    {
        var line = JsonSerializer.SerializeToUtf8Bytes(new { custom_id = request.Id, method = "POST", url = BatchClient.CompletionsPath, body = (JsonNode)request.Body });
        return [.. line, (byte)'\n'];
    }
}
