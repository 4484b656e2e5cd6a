using System.CommandLine;
using System.Diagnostics;
using System.Text;

namespace DistillGrpc.Benchmarks.Teaching;

/// <summary><c>bare</c>: the same calls by an HTTP client and nothing else; prints microseconds of CPU a call, and calls a second.</summary>
internal static class BareCalls
{
    // As long as what the Teacher sends with its prompt for arithmetic.
    private static readonly byte[] Body = Encoding.UTF8.GetBytes($$"""{"model":"m","stream":true,"messages":[{"role":"user","content":"{{new string('x', 1500)}}"}]}""");

    public static Command Create()
    {
        var address = new Option<string>("--address") { Required = true };
        var rows = new Option<int>("--rows") { DefaultValueFactory = _ => 20000 };
        var inFlight = new Option<int>("--in-flight") { DefaultValueFactory = _ => 64 };
        var command = new Command("bare", "The calls that the teacher's benchmark is compared with.") { address, rows, inFlight };
        command.SetAction(async (parsed, cancellationToken) => await RunAsync(new Uri(parsed.GetValue(address)! + "/v1/chat/completions"), parsed.GetValue(rows), parsed.GetValue(inFlight), cancellationToken));
        return command;
    }

    private static async Task RunAsync(Uri address, int rows, int inFlight, CancellationToken cancellationToken)
    {
        using var http = new HttpClient(new SocketsHttpHandler { MaxConnectionsPerServer = int.MaxValue });
        async ValueTask Call(int row, CancellationToken token)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, address) { Content = new ByteArrayContent(Body) };
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, token);
            await (await response.Content.ReadAsStreamAsync(token)).CopyToAsync(Stream.Null, token);
        }

        var parallel = new ParallelOptions { MaxDegreeOfParallelism = inFlight, CancellationToken = cancellationToken };
        await Parallel.ForEachAsync(Enumerable.Range(0, 2000), parallel, Call);
        var process = Process.GetCurrentProcess();
        var (cpu, started) = (process.TotalProcessorTime, Stopwatch.GetTimestamp());
        await Parallel.ForEachAsync(Enumerable.Range(0, rows), parallel, Call);
        process.Refresh();
        Console.WriteLine($"{(process.TotalProcessorTime - cpu).TotalMicroseconds / rows:0.0} {rows / Stopwatch.GetElapsedTime(started).TotalSeconds:0.0}");
    }
}
