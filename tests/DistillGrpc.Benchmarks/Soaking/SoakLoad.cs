using System.Collections.Concurrent;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Benchmarks.Soaking;

/// <summary>Callers of every kind at once, with and without patience, who come and go on connections of their own, while versions take each other's place.</summary>
internal sealed class SoakLoad(Uri address, string model, int seed)
{
    // What a caller may get who gives up, comes while versions change, or asks for nothing.
    private static readonly StatusCode[] Expected =
        [StatusCode.Cancelled, StatusCode.DeadlineExceeded, StatusCode.ResourceExhausted, StatusCode.InvalidArgument];

    private readonly ConcurrentDictionary<string, long> _outcomes = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, long> _failures = new(StringComparer.Ordinal);

    /// <summary>Calls by their kind and outcome.</summary>
    public IReadOnlyDictionary<string, long> Outcomes => _outcomes;

    /// <summary>Calls that failed as none should.</summary>
    public IReadOnlyDictionary<string, long> Failures => _failures;

    /// <summary>Runs for a time; when it ends no call is left.</summary>
    public async Task RunAsync(TimeSpan time, int round)
    {
        using var over = new CancellationTokenSource(time);
        Func<InferenceClient, Random, Task>[] kinds = [PredictAsync, StreamAsync, BatchAsync, ClassifyAsync, ExplainAsync];
        var callers = kinds.SelectMany((kind, i) => Enumerable.Range(0, 2).Select(twin => CallAsync(kind, new Random(unchecked((((seed * 1009) + round) * 1009) + (2 * i) + twin)), over.Token)));
        await Task.WhenAll([.. callers, SwapAsync(over.Token)]);
    }

    // A connection for a few calls each.
    private async Task CallAsync(Func<InferenceClient, Random, Task> kind, Random random, CancellationToken over)
    {
        while (!over.IsCancellationRequested)
        {
            using var channel = DistillChannel.To(address);
            for (var calls = random.Next(1, 20); calls > 0 && !over.IsCancellationRequested; calls--)
            {
                await CountAsync(kind.Method.Name, () => kind(new InferenceClient(channel), random));
            }
        }
    }

    private async Task SwapAsync(CancellationToken over)
    {
        using var channel = DistillChannel.To(address);
        for (var version = 1; !over.IsCancellationRequested; version = 3 - version)
        {
            await CountAsync(nameof(SwapAsync), () => new ModelClient(channel).SetAliasAsync($"{model}/versions/{version}", "stable"));
            await Task.Delay(TimeSpan.FromMilliseconds(500), CancellationToken.None);
        }
    }

    private async Task CountAsync(string kind, Func<Task> call)
    {
        try
        {
            await call();
            Count(_outcomes, $"{kind}: answered");
        }
        catch (OperationCanceledException)
        {
            Count(_outcomes, $"{kind}: cancelled");
        }
        catch (RpcException ended) when (Expected.Contains(ended.StatusCode))
        {
            Count(_outcomes, $"{kind}: {ended.StatusCode}");
        }
        catch (RpcException failed)
        {
            Count(_failures, $"{kind}: {RpcErrors.Describe(failed)}");
        }
    }

    private static void Count(ConcurrentDictionary<string, long> counts, string what) => counts.AddOrUpdate(what, 1, (_, count) => count + 1);

    private Task PredictAsync(InferenceClient client, Random random)
    {
        var request = new PredictRequest { Model = model, Segments = { Text(random) }, Task = (PredictionTask)random.Next(4), MaxOutputTokens = random.Next(1, 60) };
        request.Decoding = random.Next(5) switch { 0 => new DecodingOptions { NumBeams = 3 }, 1 => new DecodingOptions { Temperature = 1, NumAnswers = 2 }, 2 => new DecodingOptions { Stop = { "a" } }, 3 => new DecodingOptions { Temperature = -1 }, _ => null };
        return client.PredictAsync(request, random.Next(3) == 0 ? DateTime.UtcNow.AddMilliseconds(random.Next(1, 20)) : null);
    }

    private async Task StreamAsync(InferenceClient client, Random random)
    {
        var (left, request) = (random.Next(1, 40), new StreamPredictRequest { Model = model, Segments = { Text(random) }, Task = PredictionTask.Both, MaxOutputTokens = 60 });
        await foreach (var _ in client.StreamPredictAsync(request))
        {
            if (--left == 0)
            {
                break;
            }
        }
    }

    private async Task BatchAsync(InferenceClient client, Random random)
    {
        var (left, rows) = (random.Next(1, 60), Enumerable.Range(0, 40).Select(i => new BatchPredictRequest { Id = $"{i}", Request = i % 10 == 3 ? null : new PredictRequest { Model = model, Segments = { Text(random) }, MaxOutputTokens = 8 } }).ToArray());
        await foreach (var _ in client.BatchPredictAsync(rows.ToAsyncEnumerable()))
        {
            if (--left == 0)
            {
                break;
            }
        }
    }

    private Task ClassifyAsync(InferenceClient client, Random random) =>
        client.ClassifyAsync(model, [Text(random)], Enumerable.Range(1, random.Next(1, 30)).Select(count => string.Join(' ', Enumerable.Repeat(count % 2 == 0 ? "yes" : "no", count))));

    private async Task ExplainAsync(InferenceClient client, Random random)
    {
        var label = (await client.PredictAsync(new PredictRequest { Model = model, Segments = { Text(random) }, MaxOutputTokens = 4 })).Label;
        await foreach (var _ in client.ExplainAsync(new ExplainRequest { Prediction = label.Prediction, MaxOutputTokens = 20 }, random.Next(3) == 0 ? DateTime.UtcNow.AddMilliseconds(random.Next(1, 30)) : null))
        {
        }
    }

    private static string Text(Random random) => string.Join(' ', Enumerable.Range(0, random.Next(1, 40)).Select(_ => $"word{random.Next(1000)}"));
}
