using System.Collections.Concurrent;
using System.Net;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Teacher.Tests.OpenAi;

/// <summary>An HTTP server that answers completions, of chats or not, as a test has written it, request by request; the last answer repeats.</summary>
internal sealed class ScriptedEndpoint : IAsyncDisposable
{
    private const string Asked = "asked";
    private readonly WebApplication _app;
    private readonly Func<HttpContext, Task>[] _script;
    private int _next;

    private ScriptedEndpoint(WebApplication app, Func<HttpContext, Task>[] script) => (_app, _script) = (app, script);

    public string Address => $"{_app.Urls.First()}/v1";

    /// <summary>What was asked, in the order of arrival.</summary>
    public ConcurrentQueue<(string? Authorization, JsonElement Body)> Requests { get; } = [];

    public static Task<ScriptedEndpoint> StartAsync(params Func<HttpContext, Task>[] script) => StartAsync(certificate: null, script);

    public static async Task<ScriptedEndpoint> StartAsync(X509Certificate2? certificate, params Func<HttpContext, Task>[] script)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.WebHost.UseKestrelHttpsConfiguration();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, listen =>
        {
            if (certificate is not null)
            {
                listen.UseHttps(certificate);
            }
        }));
        var endpoint = new ScriptedEndpoint(builder.Build(), script);
        endpoint._app.MapPost("/v1/chat/completions", endpoint.AnswerAsync);
        endpoint._app.MapPost("/v1/completions", endpoint.AnswerAsync);
        await endpoint._app.StartAsync();
        return endpoint;
    }

    /// <summary>A whole answer: its pieces, then why it ends.</summary>
    public static Func<HttpContext, Task> Says(string finishReason, params string[] pieces) => async context =>
    {
        await BeginAsync(context);
        foreach (var piece in pieces)
        {
            await SendAsync(context, Piece(piece));
        }

        await SendAsync(context, Chunk("{}", finishReason));
        await SendAsync(context, """{"id":"1","object":"chat.completion.chunk","created":1,"model":"model-2","choices":[],"usage":{"prompt_tokens":31,"completion_tokens":7,"total_tokens":38}}""");
        await SendAsync(context, "[DONE]");
    };

    /// <summary>A refusal with a status.</summary>
    public static Func<HttpContext, Task> Refuses(int status, string body = "{}", params (string Name, string Value)[] headers) => async context =>
    {
        context.Response.StatusCode = status;
        foreach (var (name, value) in headers)
        {
            context.Response.Headers[name] = value;
        }

        context.Response.ContentType = "application/json";
        await context.Response.WriteAsync(body);
    };

    /// <summary>Whatever stands in the text, as a stream of events.</summary>
    public static Func<HttpContext, Task> Sends(string text, bool abort = false) => async context =>
    {
        await BeginAsync(context);
        await context.Response.WriteAsync(text);
        await context.Response.Body.FlushAsync();
        if (abort)
        {
            context.Abort();
        }
    };

    /// <summary>The text of the last turn that was asked.</summary>
    public static string AskedIn(HttpContext context) => ((JsonElement)context.Items[Asked]!).GetProperty("messages").EnumerateArray().Last().GetProperty("content") switch
    {
        { ValueKind: JsonValueKind.String } text => text.GetString()!,
        var parts => string.Concat(parts.EnumerateArray().Select(part => part.GetProperty("text").GetString())),
    };

    public static string Piece(string text) => Chunk(JsonSerializer.Serialize(new { role = "assistant", content = text }), null);

    public static string Chunk(string delta, string? finishReason) =>
        $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"model-2","choices":[{"index":0,"delta":{{{delta}}},"finish_reason":{{{JsonSerializer.Serialize(finishReason)}}}}]}""";

    public static Task BeginAsync(HttpContext context)
    {
        context.Response.ContentType = "text/event-stream";
        return context.Response.StartAsync();
    }

    public static async Task SendAsync(HttpContext context, string data)
    {
        await context.Response.WriteAsync($"data: {data}\n\n", context.RequestAborted);
        await context.Response.Body.FlushAsync(context.RequestAborted);
    }

    public ValueTask DisposeAsync() => _app.DisposeAsync();

    private async Task AnswerAsync(HttpContext context)
    {
        using var body = await JsonDocument.ParseAsync(context.Request.Body);
        context.Items[Asked] = body.RootElement.Clone();
        Requests.Enqueue((context.Request.Headers.Authorization.ToString(), body.RootElement.Clone()));
        var number = Interlocked.Increment(ref _next) - 1;
        await _script[Math.Min(number, _script.Length - 1)](context);
    }
}
