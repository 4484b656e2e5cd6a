using System.Collections.Concurrent;
using System.Diagnostics;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Bench;

/// <summary>Has requests come as a load says, and keeps what became of them.</summary>
internal sealed class LoadRun(InferenceClient student, BenchOptions options, Load load, Func<StreamPredictRequest> nextRequest, ProgressLine progress)
{
    private readonly ConcurrentBag<RequestSample> _samples = [];
    private readonly List<RequestSample[]> _waves = [];
    private readonly Pace _pace = new(TimeProvider.System);
    private long _started;
    private int _begun;
    private int _answered;

    private TimeSpan Now => Stopwatch.GetElapsedTime(_started);

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
        return LoadResult.Of(load, [.. _samples], _waves, options.Requests is null ? options.Time : Now);
    }

    private async Task WarmUpAsync(CancellationToken cancellationToken)
    {
        var (left, width) = (options.WarmUpOf(load), Math.Max(1, load.Concurrency));
        for (; left > 0; left -= width)
        {
            progress.Show($"{load}: warming up");
            await Task.WhenAll(Enumerable.Range(0, Math.Min(left, width)).Select(_ => RequestSample.AskAsync(student, nextRequest(), () => Now, null, cancellationToken)));
        }
    }

    private async Task OneByOneAsync(CancellationToken cancellationToken)
    {
        while (Begin(1) == 1)
        {
            await AskAsync(null, cancellationToken);
        }
    }

    private async Task TogetherAsync(CancellationToken cancellationToken)
    {
        while (Begin(load.Concurrency) is > 0 and var width)
        {
            var wave = await Task.WhenAll(Enumerable.Range(0, width).Select(_ => AskAsync(null, cancellationToken)));
            // The last one may have fewer, and is sooner through.
            if (width == load.Concurrency)
            {
                _waves.Add(wave);
            }
        }
    }

    // The whole schedule is kept, however late it gets: a Student that stands still does not keep the requests away that would have waited for it.
    private async Task ArriveAsync(double rate, CancellationToken cancellationToken)
    {
        var asked = new List<Task>();
        foreach (var due in Arrivals.Poisson(rate, options.Seed).TakeWhile(due => options.Requests is null ? due < options.Time : asked.Count < options.Requests))
        {
            if (due - Now is { Ticks: > 0 } wait)
            {
                await Task.Delay(wait, cancellationToken);
            }

            asked.Add(AskAsync(due, cancellationToken));
        }

        await Task.WhenAll(asked);
    }

    // How many of so many may begin now. What has begun is waited for.
    private int Begin(int wanted) =>
        options.Requests is { } requests ? Math.Clamp(requests - (Interlocked.Add(ref _begun, wanted) - wanted), 0, wanted) : Now < options.Time ? wanted : 0;

    private async Task<RequestSample> AskAsync(TimeSpan? due, CancellationToken cancellationToken)
    {
        var sample = await RequestSample.AskAsync(student, nextRequest(), () => Now, due, cancellationToken);
        _samples.Add(sample);
        var answered = Interlocked.Increment(ref _answered);
        if (_pace.IsTime())
        {
            progress.Show($"{load}: {ProgressLine.Bar(options.Requests is { } requests ? (double)answered / requests : Now / options.Time)} {answered} answered");
        }

        return sample;
    }
}
