using DistillGrpc.Contracts.V1;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.OpenAi;

public sealed class HedgedCallTests
{
    // 31 tokens in and 7 out: 31 * 2 + 7 * 10 = 132 millionths.
    private const long Cost = 132_000;
    private static readonly Func<HttpContext, Task> Good = Says("stop", "It is so. ", "The answer is yes.");

    [Fact]
    public async Task Answer_FirstCallThatWritesNothing_IsOvertakenAndCancelled()
    {
        var aborted = new TaskCompletionSource();
        await using var endpoint = await StartAsync(Hangs(aborted), Good);
        await using var teacher = await Teacher(endpoint);

        var responses = await Ask(teacher);

        Assert.Equal(["It is so. ", "The answer is yes."], responses.SkipLast(1).Select(response => response.Delta.Text));
        Assert.DoesNotContain(responses, response => response.Delta?.Restart == true);
        Assert.Equal("yes", responses[^1].Result.Label);
        Assert.Equal(2, endpoint.Requests.Count);
        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(60));
        // The cancelled call may have been billed for what it read, and nothing stays reserved.
        Assert.InRange(Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos, Cost + 1, 20 * Cost);
    }

    [Fact]
    public async Task Answer_FirstCallThatWritesInTime_IsTheOnlyOne()
    {
        var (time, read) = (new FakeTimeProvider(DateTimeOffset.UtcNow), new TaskCompletionSource());
        await using var endpoint = await StartAsync(async context =>
        {
            await BeginAsync(context);
            await SendAsync(context, Piece("It is so. "));
            await read.Task;
            // Until a second call would have come.
            await Task.Delay(200);
            await SendAsync(context, Piece("The answer is yes."));
            await SendAsync(context, Chunk("{}", "stop"));
        });
        await using var teacher = await RunningTeacher.StartAsync(time, Settings(endpoint));

        var responses = await Ask(teacher, onResponse: _ =>
        {
            // The clock stands still until its text has come.
            time.Advance(TimeSpan.FromSeconds(1));
            read.TrySetResult();
        });

        Assert.Equal("yes", responses[^1].Result.Label);
        Assert.Single(endpoint.Requests);
    }

    [Fact]
    public async Task Answer_SecondCallThatBeginsAndStops_GivesWayToTheFirstWithARestart()
    {
        var second = new TaskCompletionSource();
        await using var endpoint = await StartAsync(
            async context =>
            {
                await second.Task;
                await Good(context);
            },
            async context =>
            {
                await BeginAsync(context);
                await SendAsync(context, Piece("It may be. "));
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            });
        await using var teacher = await Teacher(endpoint);

        var responses = await Ask(teacher, onResponse: _ => second.TrySetResult());

        Assert.Equal([("It may be. ", false), ("It is so. The answer is yes.", true)], responses.SkipLast(1).Select(response => (response.Delta.Text, response.Delta.Restart)));
        Assert.Equal("It is so. The answer is yes.", responses[^1].Result.RawText);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Answer_OneOfBothThatFails_LeavesItToTheOther(bool isFirst)
    {
        var (begun, failed) = (new TaskCompletionSource(), new TaskCompletionSource());
        Func<HttpContext, Task> fails = async context =>
        {
            await begun.Task;
            await Refuses(isFirst ? 500 : 400)(context);
            failed.SetResult();
        };
        Func<HttpContext, Task> answers = async context =>
        {
            await failed.Task;
            await Task.Delay(200);
            await Good(context);
        };
        Func<HttpContext, Task> second = context =>
        {
            begun.SetResult();
            return (isFirst ? answers : fails)(context);
        };
        await using var endpoint = await StartAsync(isFirst ? fails : answers, second);
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=0");

        Assert.Equal("yes", (await Ask(teacher))[^1].Result.Label);
        Assert.Equal(2, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Answer_BothThatFail_AreAskedAgainByTheRules()
    {
        var begun = new TaskCompletionSource();
        Func<HttpContext, Task> first = async context =>
        {
            await begun.Task;
            await Refuses(503)(context);
        };
        Func<HttpContext, Task> second = async context =>
        {
            begun.SetResult();
            await Task.Delay(100);
            await Refuses(503)(context);
        };
        await using var endpoint = await StartAsync(first, second, Good);
        await using var teacher = await Teacher(endpoint);

        Assert.Equal("yes", (await Ask(teacher).WaitAsync(TimeSpan.FromSeconds(30)))[^1].Result.Label);
        // Should the third be slow to write, it has a second beside it, too.
        Assert.InRange(endpoint.Requests.Count, 3, 4);
    }

    [Fact]
    public async Task Answer_BudgetForOneCall_IsNotPassedByASecond()
    {
        await using var endpoint = await StartAsync(async context =>
        {
            await Task.Delay(700);
            await Good(context);
        });
        await using var teacher = await Teacher(endpoint);

        // One call may cost about a thousandth.
        var result = (await Ask(teacher, new RationaleSpec { BudgetNanos = 1_500_000 }))[^1].Result;

        Assert.Equal("yes", result.Label);
        Assert.Single(endpoint.Requests);
    }

    [Fact]
    public async Task Answer_CallsThatWaitForTheirTurn_AreNotHedged()
    {
        await using var endpoint = await StartAsync(async context =>
        {
            await Task.Delay(150);
            await Good(context);
        });
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:MaxConcurrency=1");

        var rows = Enumerable.Range(0, 6).Select(i => new Example { Id = $"{i}", Segments = { $"Is it {i}?" } });
        var results = await teacher.Client.GenerateRationalesAsync(new RationaleSpec(), rows.ToAsyncEnumerable()).ToListAsync();

        Assert.All(results, response => Assert.Equal("yes", response.Result.Label));
        Assert.Equal(6, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Cancel_BothUnderWay_ReachesBoth()
    {
        var (one, two) = (new TaskCompletionSource(), new TaskCompletionSource());
        var begun = new TaskCompletionSource();
        await using var endpoint = await StartAsync(Hangs(one), context =>
        {
            begun.SetResult();
            return Hangs(two)(context);
        });
        await using var teacher = await Teacher(endpoint);
        using var stop = new CancellationTokenSource();

        var call = teacher.Client.GenerateRationalesAsync(new RationaleSpec(), new[] { Row() }.ToAsyncEnumerable(), stop.Token).ToListAsync(stop.Token).AsTask();
        await begun.Task.WaitAsync(TimeSpan.FromSeconds(60));
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => call);
        await Task.WhenAll(one.Task, two.Task).WaitAsync(TimeSpan.FromSeconds(60));
    }

    private static Func<HttpContext, Task> Hangs(TaskCompletionSource aborted) => async context =>
    {
        using var registered = context.RequestAborted.Register(aborted.SetResult);
        await BeginAsync(context);
        await aborted.Task;
    };

    private static Example Row() => new() { Id = "a", Segments = { "Is it?" } };

    private static Task<RunningTeacher> Teacher(ScriptedEndpoint endpoint, params string[] settings) => RunningTeacher.StartAsync([.. Settings(endpoint), .. settings]);

    private static string[] Settings(ScriptedEndpoint endpoint) =>
    [
        "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m", "--Teachers:gpt:RetryDelay=00:00:00.001",
        "--Teachers:gpt:MaxOutputTokens=20", "--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10", "--Teachers:gpt:HedgeAfter=00:00:00.3",
    ];

    private static async Task<List<GenerateRationalesResponse>> Ask(RunningTeacher teacher, RationaleSpec? spec = null, Action<GenerateRationalesResponse>? onResponse = null)
    {
        spec ??= new RationaleSpec();
        spec.StreamText = true;
        var responses = new List<GenerateRationalesResponse>();
        await foreach (var response in teacher.Client.GenerateRationalesAsync(spec, new[] { Row() }.ToAsyncEnumerable()))
        {
            responses.Add(response);
            onResponse?.Invoke(response);
        }

        return responses;
    }
}
