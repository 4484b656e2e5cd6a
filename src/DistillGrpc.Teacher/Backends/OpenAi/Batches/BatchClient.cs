using System.ClientModel;
using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>
/// OpenAI's batches: many chat completions at half the price, within a day. All that a caller must remember is the key that it
/// chose, or the batch's id: both are good in another process too.
/// <list type="bullet">
/// <item>Submitting is idempotent by the key, which travels in the batch's metadata: whoever is interrupted, or has lost the
/// response, finds the batch that there is instead of paying for a second one. A batch that has failed is found as well: another try is another key.</item>
/// <item>Waiting looks ever more rarely, and outlasts an endpoint that is away.</item>
/// <item>Results come in any order, in a file of answers and one of failures. Lines that cannot be read, and those that
/// are missing, are failures that may be asked again (<see cref="BatchOutcome.ResultOf"/>).</item>
/// <item>Every call goes through <see cref="GuardedHandler"/>: no redirection, the key to this endpoint alone, no file longer than
/// <see cref="MaxFileBytes"/> and no line longer than a response may be.</item>
/// </list>
/// </summary>
internal sealed partial class BatchClient : IDisposable
{
    /// <summary>What a batch's requests are for.</summary>
    public const string CompletionsPath = "/v1/chat/completions";

    private const string KeyName = "distill_key";
    private const int MaxKeyLength = 128;
    private const int PageSize = 100;
    private const int MaxPages = 20;
    private const double Growth = 1.5;
    private static readonly TimeSpan TransferTimeout = TimeSpan.FromHours(1);
    private readonly OpenAiOptions _options;
    private readonly TimeProvider _time;
    private readonly UpstreamRetry _calls;
    private readonly UpstreamRetry _transfers;
    private readonly BatchTransport _api;
    private readonly Lazy<BatchTransport> _files;

    /// <summary>A client of an endpoint.</summary>
    /// <param name="options">The endpoint, its key, how often and how long is tried.</param>
    /// <param name="time">The clock.</param>
    /// <param name="random">From 0 to 1, for the jitter of waits.</param>
    public BatchClient(OpenAiOptions options, TimeProvider time, Func<double> random)
    {
        (_options, _time) = (options, time);
        var patient = options with { AttemptTimeout = TransferTimeout, Timeout = 2 * TransferTimeout };
        (_calls, _transfers) = (new UpstreamRetry(options, time, random), new UpstreamRetry(patient, time, random));
        _api = new BatchTransport(options);
        _files = new Lazy<BatchTransport>(() => new BatchTransport(options with { MaxResponseBytes = MaxFileBytes }));
    }

    /// <summary>Longest file of results; default 1 GiB.</summary>
    public long MaxFileBytes { get; init; } = 1L << 30;

    /// <summary>Time between the first two looks at a batch; default 5 seconds.</summary>
    public TimeSpan FirstPoll { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>Longest time between two looks; default a minute.</summary>
    public TimeSpan LongestPoll { get; init; } = TimeSpan.FromMinutes(1);

    /// <summary>Submits requests as a batch, once for every key.</summary>
    /// <param name="key">The caller's name for these requests, 1 to 128 characters.</param>
    /// <param name="requests">At most 50,000, and 200 MB in all.</param>
    /// <param name="cancellationToken">Ends the work; with the same key it can be taken up again.</param>
    /// <returns>The batch's id.</returns>
    /// <exception cref="ArgumentException">The key or the requests cannot be used.</exception>
    /// <exception cref="TeacherRowException">The endpoint refuses this batch, or did not answer in time.</exception>
    /// <exception cref="TeacherFailedException">The endpoint refuses everything, or cannot be reached.</exception>
    public async Task<string> SubmitAsync(string key, IReadOnlyCollection<BatchRequest> requests, CancellationToken cancellationToken)
    {
        if (key.Length is 0 or > MaxKeyLength)
        {
            throw new ArgumentException($"A batch's key has 1 to {MaxKeyLength} characters.", nameof(key));
        }

        using var content = new BatchFile(requests);
        if (await FindAsync(key, cancellationToken) is { } there)
        {
            return there;
        }

        var file = await RunAsync(_transfers, token => _api.SendAsync("POST", "files", content, ReadIdAsync, token), cancellationToken);
        var mayBeThere = false;
        return await RunAsync(
            _calls,
            async token =>
            {
                // The try before may have got through, and its response been lost.
                if (mayBeThere && await LookForAsync(key, token) is { } found)
                {
                    return found;
                }

                mayBeThere = true;
                return await _api.SendAsync("POST", "batches", Spec(key, file), ReadIdAsync, token);
            },
            cancellationToken);
    }

    /// <summary>The batch that was submitted with a key; null where there is none.</summary>
    /// <exception cref="TeacherRowException">The endpoint did not answer in time.</exception>
    /// <exception cref="TeacherFailedException">The endpoint refuses everything, or cannot be reached.</exception>
    public Task<string?> FindAsync(string key, CancellationToken cancellationToken) => RunAsync(_calls, token => LookForAsync(key, token), cancellationToken);

    /// <summary>Waits for a batch's end, and reads its results. The batch itself goes on where nobody waits any more.</summary>
    /// <param name="batch">From <see cref="SubmitAsync"/>, also of an earlier process.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="FormatException">It cannot be a batch's id.</exception>
    /// <exception cref="TeacherRowException">A file of results cannot be had.</exception>
    /// <exception cref="TeacherFailedException">There is no such batch, or the endpoint refuses everything.</exception>
    public async Task<BatchOutcome> WaitAsync(string batch, CancellationToken cancellationToken)
    {
        var path = $"batches/{Checked(batch)}";
        for (var wait = FirstPoll; ; wait = wait * Growth < LongestPoll ? wait * Growth : LongestPoll)
        {
            if (await LookAsync(path, cancellationToken) is { End: { } end } status)
            {
                return await ReadAsync(end, status, cancellationToken);
            }

            await Task.Delay(wait, _time, cancellationToken);
        }
    }

    /// <summary>Has a batch end early; what was answered by then stays, and is paid for.</summary>
    /// <exception cref="TeacherRowException">It has ended already.</exception>
    /// <exception cref="TeacherFailedException">There is no such batch, or the endpoint refuses everything or cannot be reached.</exception>
    public Task CancelAsync(string batch, CancellationToken cancellationToken) =>
        RunAsync(_calls, token => _api.SendAsync("POST", $"batches/{Checked(batch)}/cancel", null, ReadIdAsync, token), cancellationToken);

    public void Dispose()
    {
        _api.Dispose();
        if (_files.IsValueCreated)
        {
            _files.Value.Dispose();
        }
    }

    private static BinaryContent Spec(string key, string file) => BinaryContent.Create(BinaryData.FromString(new JsonObject
    {
        ["input_file_id"] = file,
        ["endpoint"] = CompletionsPath,
        ["completion_window"] = "24h",
        ["metadata"] = new JsonObject { [KeyName] = key },
    }.ToJsonString()));

    // What an endpoint calls its things becomes a part of an address.
    private static string Checked(string id) => Id().IsMatch(id) ? id : throw new FormatException("An id that is none.");

    private static async ValueTask<T> ReadAsync<T>(Stream stream, Func<JsonElement, T> read, CancellationToken cancellationToken)
    {
        using var json = await JsonDocument.ParseAsync(stream, cancellationToken: cancellationToken);
        return read(json.RootElement);
    }

    private static ValueTask<string> ReadIdAsync(Stream stream, CancellationToken cancellationToken) =>
        ReadAsync(stream, json => Checked(BatchStatus.Text(json, "id")), cancellationToken);

    private static async Task<T> RunAsync<T>(UpstreamRetry retry, Func<CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken) => await retry.RunAsync(
        (clock, token) =>
        {
            clock.Begin();
            return retry.CallAsync(call, token);
        },
        DateTimeOffset.MaxValue,
        cancellationToken);

    private async ValueTask<string?> LookForAsync(string key, CancellationToken cancellationToken)
    {
        var after = "";
        for (var page = 0; page < MaxPages; page++)
        {
            var (found, next) = await _api.SendAsync(
                "GET", $"batches?limit={PageSize}{after}", null, (stream, token) => ReadAsync(stream, json => Page(json, key), token), cancellationToken);
            if (found is not null || next is null)
            {
                return found;
            }

            after = $"&after={next}";
        }

        return null;
    }

    private static (string? Found, string? Next) Page(JsonElement json, string key)
    {
        var batches = json.GetProperty("data").EnumerateArray().ToArray();
        var found = Array.Find(batches, batch => batch.TryGetProperty("metadata", out var metadata) && BatchStatus.Text(metadata, KeyName) == key);
        var hasMore = json.TryGetProperty("has_more", out var more) && more.ValueKind == JsonValueKind.True && batches.Length > 0;
        return (found.ValueKind == JsonValueKind.Object ? Checked(BatchStatus.Text(found, "id")) : null, hasMore ? Checked(BatchStatus.Text(batches[^1], "id")) : null);
    }

    // An endpoint that is away for a while keeps nobody from waiting: the batch goes on there.
    private async Task<BatchStatus?> LookAsync(string path, CancellationToken cancellationToken)
    {
        try
        {
            return await RunAsync(_calls, token => _api.SendAsync("GET", path, null, (stream, last) => ReadAsync(stream, BatchStatus.Read, last), token), cancellationToken);
        }
        catch (Exception failure) when (failure is TeacherFailedException { Code: StatusCode.Unavailable } or TeacherRowException { Code: StatusCode.Unavailable or StatusCode.DeadlineExceeded })
        {
            return null;
        }
    }

    private async Task<BatchOutcome> ReadAsync(BatchEnd end, BatchStatus status, CancellationToken cancellationToken)
    {
        var (results, unreadable) = (new Dictionary<string, BatchResult>(StringComparer.Ordinal), 0);
        foreach (var file in status.Files)
        {
            var read = await RunAsync(_transfers, token => _files.Value.SendAsync("GET", $"files/{Checked(file)}/content", null, ReadLinesAsync, token), cancellationToken);
            unreadable += read.Count(result => result is null);
            // Answers come first: no failure takes the place of one.
            foreach (var result in read.OfType<BatchResult>())
            {
                results.TryAdd(result.Id, result);
            }
        }

        return new BatchOutcome(end, status.Code, results, unreadable);
    }

    private async ValueTask<List<BatchResult?>> ReadLinesAsync(Stream stream, CancellationToken cancellationToken)
    {
        var results = new List<BatchResult?>();
        await foreach (var line in BoundedLines.ReadAsync(stream, _options.MaxResponseBytes, cancellationToken))
        {
            results.Add(line is null ? null : BatchLine.Read(line, _time.GetUtcNow()));
        }

        return results;
    }

    [GeneratedRegex(@"^[A-Za-z0-9_-]{1,128}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Id();
}
