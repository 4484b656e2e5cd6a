using System.Collections.Concurrent;
using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Net;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Benchmarks.Teaching;

/// <summary>
/// <c>delta</c>: how long a first piece of text takes from the endpoint, which stands in this process, through the Teacher, which
/// does not, back to a client in this process; beside it, from the endpoint to an HTTP client here.
/// </summary>
internal static class DeltaBenchmark
{
    private const int WarmUp = 500;
    private static readonly ConcurrentDictionary<string, long> Sent = new(StringComparer.Ordinal);

    public static Command Create()
    {
        var rows = new Option<int>("--rows") { DefaultValueFactory = _ => 2000 };
        var command = new Command("delta", "How long a first token takes through the Teacher.") { rows };
        command.SetAction(async (parsed, cancellationToken) => await RunAsync(parsed.GetValue(rows), cancellationToken));
        return command;
    }

    private static async Task RunAsync(int rows, CancellationToken cancellationToken)
    {
        await using var app = await EndpointAsync(cancellationToken);
        var state = Directory.CreateTempSubdirectory("distill-benchmark-").FullName;
        try
        {
            using var teacher = await Child.StartAsync(
                "DistillGrpc.Teacher.dll", "--Listen=http://127.0.0.1:0", $"--StateDirectory={state}", "--Teachers:fake:Backend=openai", $"--Teachers:fake:Endpoint={app.Urls.First()}/v1", "--Teachers:fake:Model=m");
            using var channel = DistillChannel.To(teacher.Address);
            var through = await TeachAsync(new TeacherClient(channel), rows, cancellationToken);
            var bare = await BareAsync(new Uri(app.Urls.First() + "/v1/chat/completions"), rows, cancellationToken);
            Console.WriteLine($"first delta, {rows} rows one after another:");
            Print("  endpoint to an HTTP client        ", bare);
            Print("  endpoint, Teacher, client's stream", through);
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static async Task<List<double>> TeachAsync(TeacherClient client, int rows, CancellationToken cancellationToken)
    {
        var times = new List<double>();
        for (var i = 0; i < WarmUp + rows; i++)
        {
            var seen = false;
            await foreach (var response in client.GenerateRationalesAsync(
                new RationaleSpec { StreamText = true }, new[] { new Example { Id = $"{i}", Segments = { $"number {i}." } } }.ToAsyncEnumerable(), cancellationToken))
            {
                if (response.Delta is not null && !seen)
                {
                    seen = true;
                    times.Add(Stopwatch.GetElapsedTime(Sent[$"{i}"]).TotalMilliseconds);
                }
            }
        }

        return times[WarmUp..];
    }

    private static async Task<List<double>> BareAsync(Uri address, int rows, CancellationToken cancellationToken)
    {
        using var http = new HttpClient();
        var (times, buffer) = (new List<double>(), new byte[4096]);
        for (var i = 0; i < WarmUp + rows; i++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new StringContent($"number {i}.") };
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            _ = await stream.ReadAsync(buffer, cancellationToken);
            times.Add(Stopwatch.GetElapsedTime(Sent[$"{i}"]).TotalMilliseconds);
            await stream.CopyToAsync(Stream.Null, cancellationToken);
        }

        return times[WarmUp..];
    }

    private static async Task<WebApplication> EndpointAsync(CancellationToken cancellationToken)
    {
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        app.MapPost("/v1/chat/completions", async context =>
        {
            using var body = new StreamReader(context.Request.Body);
            var asked = await body.ReadToEndAsync(cancellationToken);
            var number = asked[(asked.LastIndexOf("number ", StringComparison.Ordinal) + 7)..];
            context.Response.ContentType = "text/event-stream";
            await context.Response.StartAsync(cancellationToken);
            Sent[number[..number.IndexOf('.')]] = Stopwatch.GetTimestamp();
            await WriteAsync(context, """{"index":0,"delta":{"role":"assistant","content":"It is so. "},"finish_reason":null}""");
            // What comes after it must not hide what it took.
            await Task.Delay(5, cancellationToken);
            await WriteAsync(context, """{"index":0,"delta":{"content":"The answer is yes."},"finish_reason":"stop"}""");
            await context.Response.WriteAsync("data: [DONE]\n\n", cancellationToken);
        });
        await app.StartAsync(cancellationToken);
        return app;
    }

    private static async Task WriteAsync(HttpContext context, string choice)
    {
        await context.Response.WriteAsync($$"""data: {"id":"1","object":"chat.completion.chunk","created":1,"model":"fake","choices":[{{choice}}]}{{"\n\n"}}""");
        await context.Response.Body.FlushAsync();
    }

    private static void Print(string what, List<double> times)
    {
        times.Sort();
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} p50 {times[times.Count / 2],6:0.00} ms  p95 {times[times.Count * 95 / 100],6:0.00} ms  p99 {times[times.Count * 99 / 100],6:0.00} ms"));
    }
}
