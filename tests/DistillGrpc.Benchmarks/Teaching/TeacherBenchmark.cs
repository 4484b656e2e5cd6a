using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Net.Client;

namespace DistillGrpc.Benchmarks.Teaching;

/// <summary><c>teacher</c>: what the Teacher adds to the bare HTTP calls, every answer paid for, kept and synced to the disk.</summary>
internal static class TeacherBenchmark
{
    // The runtime compiles what is used much once more, for tens of seconds.
    private const int WarmUp = 60000;

    public static Command Create()
    {
        var rows = new Option<int>("--rows") { Description = "Rows with an instant endpoint.", DefaultValueFactory = _ => 20000 };
        var slowRows = new Option<int>("--slow-rows") { Description = "Rows with an endpoint that takes its time.", DefaultValueFactory = _ => 10000 };
        var latency = new Option<int>("--latency-ms") { Description = "The time that it takes.", DefaultValueFactory = _ => 50 };
        var inFlight = new Option<int>("--in-flight") { Description = "Calls at once.", DefaultValueFactory = _ => 64 };
        var command = new Command("teacher", "Overhead and throughput of the Teacher against a local endpoint.") { rows, slowRows, latency, inFlight };
        command.SetAction(async (parsed, cancellationToken) =>
        {
            await InstantAsync(parsed.GetValue(rows), parsed.GetValue(inFlight), cancellationToken);
            await SlowAsync(parsed.GetValue(slowRows), parsed.GetValue(latency), parsed.GetValue(inFlight), cancellationToken);
        });
        return command;
    }

    private static async Task InstantAsync(int rows, int inFlight, CancellationToken cancellationToken)
    {
        using var endpoint = await Child.StartAsync("DistillGrpc.Benchmarks.dll", "endpoint");
        var bare = await BareAsync(endpoint.FirstLine, rows, inFlight);
        var taught = await TeachAsync(endpoint.FirstLine, rows, inFlight, AskAsync, cancellationToken);
        var extracted = await TeachAsync(endpoint.FirstLine, rows, inFlight, ExtractAsync, cancellationToken);
        Print($"instant endpoint, {rows} rows, {inFlight} in flight:");
        Print($"  bare HTTP calls    {bare.Cpu,7:0} us CPU a call {bare.Rate,8:0} calls/s");
        Print($"  through the Teacher{taught.Cpu,7:0} us CPU a row  {taught.Rate,8:0} rows/s, each paid, kept and synced; peak memory {taught.Memory >> 20} MiB");
        Print($"  as an extraction   {extracted.Cpu,7:0} us CPU a row  {extracted.Rate,8:0} rows/s, with its inputs and rows kept and synced; peak memory {extracted.Memory >> 20} MiB");
        Print($"  overhead           {taught.Cpu - bare.Cpu,7:0} us CPU a row, as an extraction {extracted.Cpu - bare.Cpu:0}");
    }

    private static async Task SlowAsync(int rows, int latency, int inFlight, CancellationToken cancellationToken)
    {
        using var endpoint = await Child.StartAsync("DistillGrpc.Benchmarks.dll", "endpoint", "--latency-ms", $"{latency}");
        var bare = await BareAsync(endpoint.FirstLine, rows, inFlight);
        var taught = await TeachAsync(endpoint.FirstLine, rows, inFlight, AskAsync, cancellationToken);
        var ideal = inFlight * 1000.0 / latency;
        using var http = new HttpClient();
        var took = await http.GetStringAsync(new Uri(endpoint.FirstLine + "/latency"), cancellationToken);
        Print($"endpoint of {latency} ms, {rows} rows, {inFlight} in flight, ideal {ideal:0} a second; it took {took} ms on average:");
        Print($"  bare HTTP calls    {bare.Rate,7:0} calls/s, {100 * bare.Rate / ideal:0.0}% of the ideal");
        Print($"  through the Teacher{taught.Rate,7:0} rows/s,  {100 * taught.Rate / ideal:0.0}% of the ideal, {100 * taught.Rate / bare.Rate:0.0}% of the bare calls");
    }

    private static async Task<(double Cpu, double Rate)> BareAsync(string endpoint, int rows, int inFlight)
    {
        using var bare = await Child.StartAsync("DistillGrpc.Benchmarks.dll", "bare", "--address", endpoint, "--rows", $"{rows}", "--in-flight", $"{inFlight}");
        return bare.FirstLine.Split(' ') is [var cpu, var rate] ? (Number(cpu), Number(rate)) : throw new InvalidDataException(bare.FirstLine);
    }

    private static async Task<(double Cpu, double Rate, long Memory)> TeachAsync(
        string endpoint, int rows, int inFlight, Func<GrpcChannel, int, int, CancellationToken, Task> ask, CancellationToken cancellationToken)
    {
        var state = Directory.CreateTempSubdirectory("distill-benchmark-").FullName;
        try
        {
            using var teacher = await Child.StartAsync(
                "DistillGrpc.Teacher.dll", "--Listen=http://127.0.0.1:0", $"--StateDirectory={state}", "--Teachers:fake:Backend=openai", $"--Teachers:fake:Endpoint={endpoint}/v1",
                "--Teachers:fake:Model=m", "--Teachers:fake:Prompt=arithmetic", "--Teachers:fake:InputPrice=1", "--Teachers:fake:OutputPrice=2", $"--MaxInputsInFlight={2 * inFlight}", $"--Teachers:fake:MaxConcurrency={inFlight}");
            using var channel = DistillChannel.To(teacher.Address);
            await ask(channel, 0, WarmUp, cancellationToken);
            var (cpu, started) = (teacher.Cpu, Stopwatch.GetTimestamp());
            await ask(channel, WarmUp, rows, cancellationToken);
            var seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
            return ((teacher.Cpu - cpu).TotalMicroseconds / rows, rows / seconds, teacher.PeakMemory);
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static async Task AskAsync(GrpcChannel channel, int first, int count, CancellationToken cancellationToken)
    {
        var parsed = 0;
        await foreach (var response in new TeacherClient(channel).GenerateRationalesAsync(new RationaleSpec(), Inputs(first, count), cancellationToken))
        {
            parsed += response.Result is { ParseOutcome: ParseOutcome.Parsed, Provenance.Kept: false } ? 1 : 0;
        }

        RequireAll(parsed, count);
    }

    private static async Task ExtractAsync(GrpcChannel channel, int first, int count, CancellationToken cancellationToken)
    {
        var client = new ExtractionClient(channel);
        var name = (await client.CreateAsync(new CreateExtractionRequest { ExtractionId = $"from-{first}", Spec = new ExtractionSpec { Rationales = new RationaleSpec() } }, cancellationToken)).Name;
        await client.AppendInputsAsync(name, Inputs(first, count), complete: true, cancellationToken);
        var parsed = 0;
        await foreach (var happened in client.WatchAsync(name, 0, RowFilter.All, follow: true, cancellationToken))
        {
            parsed += happened.Row?.Result is { ParseOutcome: ParseOutcome.Parsed, Provenance.Kept: false } ? 1 : 0;
        }

        RequireAll(parsed, count);
    }

    private static IAsyncEnumerable<Example> Inputs(int first, int count) => Enumerable.Range(first, count)
        .Select(i => new Example { Id = $"{i}", Segments = { $"Nora had 12 plums in basket {i}. She ate 4 of them and bought 7 more. How many plums does she have now?" } }).ToAsyncEnumerable();

    private static void RequireAll(int parsed, int count)
    {
        if (parsed != count)
        {
            throw new InvalidDataException($"{parsed} of {count} rows were answered.");
        }
    }

    private static double Number(string text) => double.Parse(text, CultureInfo.InvariantCulture);

    private static void Print(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
