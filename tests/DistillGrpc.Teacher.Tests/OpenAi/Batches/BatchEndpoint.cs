using System.Collections.Concurrent;
using System.Net;
using System.Text.Json;
using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Teacher.Tests.OpenAi.Batches;

/// <summary>An HTTP server with files and batches, which end as a test has written it.</summary>
internal sealed class BatchEndpoint : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly List<JsonObject> _batches = [];
    private readonly Lock _lock = new();

    private BatchEndpoint(WebApplication app) => _app = app;

    public string Address => $"{_app.Urls.First()}/v1";

    /// <summary>Method, path and authorization of every request.</summary>
    public ConcurrentQueue<(string Call, string? Authorization)> Requests { get; } = [];

    /// <summary>What was uploaded: the purpose, the lines.</summary>
    public ConcurrentQueue<(string Purpose, string[] Lines)> Uploads { get; } = [];

    /// <summary>Contents by the files' ids.</summary>
    public ConcurrentDictionary<string, string> Files { get; } = [];

    /// <summary>What a batch is when it is looked at, time by time; the last repeats. The batch's own fields are added.</summary>
    public JsonObject[] Looks { get; set; } = [new JsonObject { ["status"] = "completed" }];

    /// <summary>Comes before everything else; true where it has answered.</summary>
    public Func<HttpContext, Task<bool>> Before { get; set; } = _ => Task.FromResult(false);

    /// <summary>Comes after a batch was made and before that is said.</summary>
    public Action<HttpContext> Made { get; set; } = _ => { };

    /// <summary>Makes a line of results from a line of requests, null for none; where it is set, a batch has its own file of results, and its end is not <see cref="Looks"/>.</summary>
    public Func<JsonNode, string?>? Answers { get; set; }

    /// <summary>The status of the batch with a number, from 1, where <see cref="Answers"/> is set.</summary>
    public Func<int, string> Status { get; set; } = _ => "completed";

    public IReadOnlyList<JsonObject> Batches => _batches;

    private int _looks;

    public static async Task<BatchEndpoint> StartAsync()
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var endpoint = new BatchEndpoint(builder.Build());
        endpoint._app.Use(async (context, next) =>
        {
            endpoint.Requests.Enqueue(($"{context.Request.Method} {context.Request.Path}", context.Request.Headers.Authorization));
            if (!await endpoint.Before(context))
            {
                await next(context);
            }
        });
        endpoint._app.MapPost("/v1/files", endpoint.UploadAsync);
        endpoint._app.MapGet("/v1/files/{id}/content", (string id) => endpoint.Files.TryGetValue(id, out var content) ? Results.Text(content) : Results.NotFound());
        endpoint._app.MapPost("/v1/batches", (Delegate)endpoint.CreateAsync);
        endpoint._app.MapGet("/v1/batches", endpoint.List);
        endpoint._app.MapGet("/v1/batches/{id}", endpoint.Look);
        endpoint._app.MapPost("/v1/batches/{id}/cancel", (string id) => Results.Text($$"""{"id":"{{id}}","status":"cancelling"}"""));
        await endpoint._app.StartAsync();
        return endpoint;
    }

    /// <summary>The result of a request: an answer of 31 tokens in and 7 out.</summary>
    public static string Yes(JsonNode line) => $$$$"""
        {"custom_id":"{{{{line["custom_id"]}}}}","response":{"status_code":200,"body":{"model":"model-2","choices":[{"message":{"content":"It is so. The answer is yes."},"finish_reason":"stop"}],"usage":{"prompt_tokens":31,"completion_tokens":7}}},"error":null}
        """;

    /// <summary>A batch that is there already.</summary>
    public void Add(string id, string key)
    {
        lock (_lock)
        {
            _batches.Insert(0, new JsonObject { ["id"] = id, ["metadata"] = new JsonObject { ["distill_key"] = key } });
        }
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task<IResult> UploadAsync(HttpRequest request)
    {
        var form = await request.ReadFormAsync();
        using var reader = new StreamReader(Assert.Single(form.Files).OpenReadStream());
        var lines = (await reader.ReadToEndAsync()).Split('\n');
        Uploads.Enqueue((form["purpose"].ToString(), lines));
        var id = Answers is null ? "file-in" : $"file-{Uploads.Count}";
        if (Answers is { } answer)
        {
            Files[$"{id}-out"] = string.Join('\n', lines.SkipLast(1).Select(line => answer(JsonNode.Parse(line)!)).OfType<string>());
        }

        return Results.Text($$"""{"id":"{{id}}","object":"file","purpose":"batch"}""");
    }

    private async Task<IResult> CreateAsync(HttpContext context)
    {
        var batch = (JsonObject)(await JsonNode.ParseAsync(context.Request.Body))!;
        lock (_lock)
        {
            batch["id"] = $"batch_{_batches.Count + 1}";
            _batches.Insert(0, batch);
        }

        Made(context);
        return Results.Text(batch.ToJsonString());
    }

    private string Ended(string id, string file)
    {
        var status = Status(int.Parse(id.Split('_')[1]));
        return new JsonObject { ["id"] = id, ["status"] = status, ["output_file_id"] = status is "failed" or "in_progress" ? null : file }.ToJsonString();
    }

    private IResult List(int limit, string? after)
    {
        lock (_lock)
        {
            var from = after is null ? 0 : _batches.FindIndex(batch => (string?)batch["id"] == after) + 1;
            var page = _batches.Skip(from).Take(limit).ToArray();
            return Results.Text(JsonSerializer.Serialize(new { data = page, has_more = from + page.Length < _batches.Count }));
        }
    }

    private IResult Look(string id)
    {
        if (Answers is not null)
        {
            var batch = _batches.Find(batch => (string?)batch["id"] == id);
            return batch is null ? Results.NotFound() : Results.Text(Ended(id, $"{batch["input_file_id"]}-out"));
        }

        var number = Math.Min(Interlocked.Increment(ref _looks), Looks.Length) - 1;
        var look = Looks[number].DeepClone();
        look["id"] = id;
        return _batches.Exists(batch => (string?)batch["id"] == id) ? Results.Text(look.ToJsonString()) : Results.NotFound();
    }
}
