using System.CommandLine;
using System.Diagnostics;
using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Benchmarks.Teaching;

/// <summary><c>endpoint</c>: chat completions with one fixed streamed answer after a fixed time; prints its port.</summary>
internal static class FakeEndpoint
{
    private static readonly byte[] Answer = System.Text.Encoding.UTF8.GetBytes(string.Concat(
        Event("""{"index":0,"delta":{"role":"assistant","content":"There were 12 plums. "},"finish_reason":null}"""),
        Event("""{"index":0,"delta":{"content":"4 were eaten and 7 bought. "},"finish_reason":null}"""),
        Event("""{"index":0,"delta":{"content":"The answer is 12 - 4 + 7."},"finish_reason":null}"""),
        Event("""{"index":0,"delta":{},"finish_reason":"stop"}"""),
        "data: {\"id\":\"1\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"fake\",\"choices\":[],\"usage\":{\"prompt_tokens\":250,\"completion_tokens\":30,\"total_tokens\":280}}\n\n",
        "data: [DONE]\n\n"));

    public static Command Create()
    {
        var latency = new Option<int>("--latency-ms");
        var command = new Command("endpoint", "The endpoint that the teacher's benchmark asks.") { latency };
        command.SetAction(async (parsed, cancellationToken) => await RunAsync(TimeSpan.FromMilliseconds(parsed.GetValue(latency)), cancellationToken));
        return command;
    }

    private static async Task RunAsync(TimeSpan latency, CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        await using var app = builder.Build();
        // A timer fires up to two milliseconds late; what one call took too long, later ones take less.
        var (late, ticks, calls) = (0.0, 0L, 0L);
        app.MapGet("/latency", () => $"{TimeSpan.FromTicks(ticks / Math.Max(1, calls)).TotalMilliseconds:0.00}");
        app.MapPost("/v1/chat/completions", async context =>
        {
            var arrived = Stopwatch.GetTimestamp();
            await context.Request.Body.CopyToAsync(Stream.Null, context.RequestAborted);
            if (latency > TimeSpan.Zero)
            {
                await Task.Delay((int)Math.Floor(latency.TotalMilliseconds - Volatile.Read(ref late)), context.RequestAborted);
                Volatile.Write(ref late, Math.Clamp(late + (0.005 * (Stopwatch.GetElapsedTime(arrived) - latency).TotalMilliseconds), 0, 5));
                Interlocked.Add(ref ticks, Stopwatch.GetElapsedTime(arrived).Ticks);
                Interlocked.Increment(ref calls);
            }

            context.Response.ContentType = "text/event-stream";
            await context.Response.Body.WriteAsync(Answer, context.RequestAborted);
        });
        await app.StartAsync(cancellationToken);
        Console.WriteLine(app.Urls.First());
        await Task.Delay(Timeout.Infinite, cancellationToken).ContinueWith(_ => { }, TaskScheduler.Default);
    }

    private static string Event(string choice) => $$"""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"fake","choices":[{{choice}}]}{{"\n\n"}}""";
}
