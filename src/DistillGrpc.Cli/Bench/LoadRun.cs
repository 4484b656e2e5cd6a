using System.Collections.Concurrent;
using System.Diagnostics;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Bench;

/// <summary>Has requests come as a load says, and keeps what became of them.</summary>
internal sealed class LoadRun(InferenceClient student, BenchOptions options, Load load, Func<string> nextPrompt, ProgressLine progress)
{
    private readonly ConcurrentBag<RequestSample> _samples = [];
    private readonly List<RequestSample[]> _waves = [];
    private long _started;
    private int _begun;

    /// <summary>Sends what does not count, then what does.</summary>
    public async Task<LoadResult> RunAsync(CancellationToken cancellationToken)
    {
        await WarmUpAsync(cancellationToken);
        _started = Stopwatch.GetTimestamp();
        await (load switch
        {
            { Rate: { } rate } => ArriveAsync(rate, cancellationToken),
            { Together: true } => TogetherAsync(cancellationToken),
            _ => Task.WhenAll(Enumerable.Range(0, load.Concurrency).Select(_ => OneByOneAsync(cancellationToken))),
        });
        return LoadResult.Of(load, [.. _samples], _waves, Stopwatch.GetElapsedTime(_started));
    }

    private async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        var (left, width) = (options.WarmUpOf(load), Math.Max(1, load.Concurrency));
        for (; left > 0; left -= width)
        {
            progress.Show($"{load}: warming up");
            await Task.WhenAll(Enumerable.Range(0, Math.Min(left, width)).Select(_ => RequestSample.AskAsync(student, Request(), cancellationToken)));
        }
    }

    private async Task OneByOneAsync(CancellationToken cancellationToken)
    {
        while (Begins())
        {
            await AskAsync(cancellationToken);
        }
    }

    private async Task TogetherAsync(CancellationToken cancellationToken)
    {
        while (Enumerable.Range(0, load.Concurrency).Count(_ => Begins()) is > 0 and var width)
        {
            _waves.Add(await Task.WhenAll(Enumerable.Range(0, width).Select(_ => AskAsync(cancellationToken))));
        }
    }

    private async Task ArriveAsync(double rate, CancellationToken cancellationToken)
    {
        var asked = new List<Task>();
        foreach (var arrival in Arrivals.Poisson(rate, options.Seed))
        {
            if (options.Requests is null && arrival >= options.Time)
            {
                break;
            }

            if (arrival - Stopwatch.GetElapsedTime(_started) is { Ticks: > 0 } wait)
            {
                await Task.Delay(wait, cancellationToken);
            }

            if (!Begins())
            {
                break;
            }

            asked.Add(AskAsync(cancellationToken));
        }

        await Task.WhenAll(asked);
    }

    // What has begun is waited for, and counts.
    private bool Begins() => options.Requests is { } requests ? Interlocked.Increment(ref _begun) <= requests : Stopwatch.GetElapsedTime(_started) < options.Time;

    private async Task<RequestSample> AskAsync(CancellationToken cancellationToken)
    {
        var sample = await RequestSample.AskAsync(student, Request(), cancellationToken);
        _samples.Add(sample);
        var share = options.Requests is { } requests ? (double)_samples.Count / requests : Stopwatch.GetElapsedTime(_started) / options.Time;
        progress.Show($"{load}: {ProgressLine.Bar(share)} {_samples.Count} answered");
        return sample;
    }

    private StreamPredictRequest Request() => new() { Model = options.Model, Task = options.Task, MaxOutputTokens = options.OutputTokens, Segments = { nextPrompt() } };
}
