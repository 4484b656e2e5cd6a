using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Benchmarks.Teaching;

/// <summary><c>memory</c>: the Teacher's memory while a great many rows go through it, as a call or as an extraction.</summary>
internal static class MemoryBenchmark
{
    public static Command Create()
    {
        var rows = new Option<int>("--rows") { DefaultValueFactory = _ => 1_000_000 };
        var extraction = new Option<bool>("--extraction") { Description = "As an extraction instead of a call." };
        var command = new Command("memory", "The Teacher's memory over a million rows.") { rows, extraction };
        command.SetAction(async (parsed, cancellationToken) => await RunAsync(parsed.GetValue(rows), parsed.GetValue(extraction), cancellationToken));
        return command;
    }

    private static async Task RunAsync(int rows, bool isExtraction, CancellationToken cancellationToken)
    {
        using var endpoint = await Child.StartAsync("DistillGrpc.Benchmarks.dll", "endpoint");
        var state = Directory.CreateTempSubdirectory("distill-benchmark-").FullName;
        try
        {
            using var teacher = await Child.StartAsync(
                "DistillGrpc.Teacher.dll", "--Listen=http://127.0.0.1:0", $"--StateDirectory={state}", "--Teachers:fake:Backend=openai", $"--Teachers:fake:Endpoint={endpoint.FirstLine}/v1",
                "--Teachers:fake:Model=m", "--Teachers:fake:InputPrice=1", "--Teachers:fake:OutputPrice=2");
            using var channel = DistillChannel.To(teacher.Address);
            var (done, started) = (0, Stopwatch.GetTimestamp());
            await foreach (var _ in isExtraction ? ExtractAsync(channel, rows, cancellationToken) : AskAsync(channel, rows, cancellationToken))
            {
                if (++done % (rows / 10) == 0)
                {
                    Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{done,9} rows {Stopwatch.GetElapsedTime(started).TotalSeconds,6:0} s   Teacher {teacher.Memory >> 20,5} MiB   its database {Size(state) >> 20,6} MiB"));
                }
            }
        }
        finally
        {
            Directory.Delete(state, recursive: true);
        }
    }

    private static IAsyncEnumerable<string> AskAsync(Grpc.Net.Client.GrpcChannel channel, int rows, CancellationToken cancellationToken) =>
        new TeacherClient(channel).GenerateRationalesAsync(new RationaleSpec(), Inputs(rows), cancellationToken).Select(response => response.Result.InputId);

    private static async IAsyncEnumerable<string> ExtractAsync(Grpc.Net.Client.GrpcChannel channel, int rows, [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var client = new ExtractionClient(channel);
        var name = (await client.CreateAsync(new CreateExtractionRequest { ExtractionId = "million", Spec = new ExtractionSpec { Rationales = new RationaleSpec() } }, cancellationToken)).Name;
        await client.AppendInputsAsync(name, Inputs(rows), complete: true, cancellationToken);
        await foreach (var happened in client.WatchAsync(name, 0, RowFilter.All, follow: true, cancellationToken))
        {
            if (happened.Row is { } row)
            {
                yield return row.Example.Id;
            }
        }
    }

    private static IAsyncEnumerable<Example> Inputs(int rows) => Enumerable.Range(0, rows).Select(i => new Example { Id = $"{i}", Segments = { $"Is {i} a number?" } }).ToAsyncEnumerable();

    private static long Size(string folder) => new DirectoryInfo(folder).EnumerateFiles().Sum(file => file.Length);
}
