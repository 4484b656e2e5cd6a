using DistillGrpc.Cli.Bench;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;

namespace DistillGrpc.Cli.Tests.Bench;

/// <summary>How requests come, at a Student that answers when a test lets it.</summary>
public sealed class LoadRunTests
{
    private const int Seed = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    [Fact]
    public async Task Run_WithARate_SendsRequestsWhetherEarlierOnesAreAnsweredOrNot()
    {
        const int requests = 30;
        var (arrived, all) = (0, new TaskCompletionSource());
        var result = await RunAsync(new Load(0, 500, Together: false), requests, () =>
        {
            if (Interlocked.Increment(ref arrived) == requests)
            {
                all.SetResult();
            }

            // A load that waits for answers never has them all here.
            return all.Task.WaitAsync(Patience);
        });

        Assert.Equal((requests, 0), (result.Answered, result.Failed));
        // The first one has waited for the last one's arrival.
        var schedule = Arrivals.Poisson(500, Seed).Take(requests).ToArray();
        Assert.InRange(result.RequestMs!.Max, (schedule[^1] - schedule[0]).TotalMilliseconds - 5, double.MaxValue);
        Assert.InRange(result.SentPerSecond!.Value, 0.001, requests / (schedule[^1].TotalSeconds - 0.005));
        Assert.InRange(result.LateMs!.Min, 0, double.MaxValue);
    }

    [Fact]
    public async Task Run_WithARateForATime_SendsTheWholeScheduleHoweverLate()
    {
        // More than this machine sends in the time: what is late is sent all the same.
        var time = TimeSpan.FromMilliseconds(20);
        var result = await RunAsync(new Load(0, 20_000, Together: false), null, () => Task.CompletedTask, time);

        Assert.Equal(Arrivals.Poisson(20_000, Seed).TakeWhile(due => due < time).Count(), result.Answered + result.Failed);
        Assert.Equal((0, 0.02), (result.Failed, result.Seconds));
        Assert.InRange(result.RequestMs!.Max, result.LateMs!.Max, double.MaxValue);
    }

    [Fact]
    public async Task Run_Together_BeginsAWaveWhenAllOfTheLastOneAreAnswered()
    {
        const int requests = 10;
        const int width = 4;
        var (open, arrived, most) = (0, 0, new List<int>());
        var gates = Enumerable.Range(0, 3).Select(_ => new TaskCompletionSource()).ToArray();
        var result = await RunAsync(new Load(width, null, Together: true), requests, async () =>
        {
            int number;
            lock (most)
            {
                most.Add(++open);
                number = arrived++;
            }

            if (number % width == width - 1 || number == requests - 1)
            {
                gates[number / width].SetResult();
            }

            await gates[number / width].Task.WaitAsync(Patience);
            lock (most)
            {
                open--;
            }
        });

        Assert.Equal([1, 2, 3, 4, 1, 2, 3, 4, 1, 2], most);
        Assert.Equal((requests, 0), (result.Answered, result.Failed));
        Assert.InRange(result.AllBegunMs!.P50, result.FirstTokenMs!.Min, result.AllAnsweredMs!.P50);
    }

    [Fact]
    public async Task Run_AtOnce_KeepsSoManyUnderWay()
    {
        var (open, arrived, most, gate) = (0, 0, 0, new TaskCompletionSource());
        var result = await RunAsync(new Load(3, null, Together: false), 9, async () =>
        {
            lock (gate)
            {
                most = Math.Max(most, ++open);
                if (++arrived == 3)
                {
                    gate.SetResult();
                }
            }

            await gate.Task.WaitAsync(Patience);
            lock (gate)
            {
                open--;
            }
        });

        Assert.Equal((9, 0, 3), (result.Answered, result.Failed, most));
    }

    private static async Task<LoadResult> RunAsync(Load load, int? requests, Func<Task> onStream, TimeSpan time = default)
    {
        await using var student = await FakeServices.StartAsync(new MeasuredStudent { OnStream = onStream });
        using var channel = DistillChannel.To(student.Address());
        var options = new BenchOptions("", PredictionTask.Label, 5, 3, [load], requests, time, WarmUp: 0, Seed);
        return await new LoadRun(new InferenceClient(channel), options, load, () => new StreamPredictRequest { MaxOutputTokens = 3, Segments = { "a b" } }, new ProgressLine()).RunAsync(default);
    }
}
