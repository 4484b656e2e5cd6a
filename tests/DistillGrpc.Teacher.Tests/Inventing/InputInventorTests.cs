using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.Inventing;

public sealed class InputInventorTests : IDisposable
{
    // Every answer of the endpoint uses 31 tokens in and 7 out: 31 * 2 + 7 * 10 = 132 millionths.
    private const long Cost = 132_000;
    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task Invent_LabelsAndSeeds_AsksForEachLabelInTurnAndGivesInputsWithIdsAndASummary()
    {
        await using var endpoint = await StartAsync(Says("stop", "My order ", "is late.\n"), Says("stop", "\"Thank you!\""), Says("stop", "Where is \"it\"?"), Says("stop", "\"Yes\", he said, \"no\""));
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=1");

        var (inputs, summary) = await Invent(teacher, new InventInputsRequest
        {
            TaskDescription = "What do customers want?",
            Labels = { "complaint", "praise" },
            Count = 4,
            Tag = "team-1",
            Seeds = { Seed("It is broken."), Seed("I like it.") },
        });

        Assert.Equal(["My order is late.", "Thank you!", "Where is \"it\"?", "\"Yes\", he said, \"no\""], inputs.Select(input => Assert.Single(input.Segments)));
        Assert.Equal(["invented-1", "invented-2", "invented-3", "invented-4"], inputs.Select(input => input.Id));
        Assert.Equal(["complaint", "praise", "complaint", "praise"], inputs.Select(input => input.TeacherLabel));
        Assert.All(inputs, input => Assert.Equal(("", ""), (input.Label, input.Rationale)));
        Assert.Equal(new InventionSummary { Invented = 4, Asked = 4, Usage = new Usage { InputTokens = 124, OutputTokens = 28, CostNanos = 4 * Cost } }, summary);
        var asked = endpoint.Requests.Select(request => Last(request.Body)).ToArray();
        Assert.All(asked, text => Assert.Contains("Task: What do customers want?", text, StringComparison.Ordinal));
        Assert.All(asked, text => Assert.Contains("It is broken.\n\nI like it.", text, StringComparison.Ordinal));
        Assert.Equal(["complaint", "praise", "complaint", "praise"], asked.Select(text => text.Split(": ")[^1].TrimEnd()));
        Assert.All(endpoint.Requests, request => Assert.Equal(1, request.Body.GetProperty("temperature").GetDouble()));
    }

    [Fact]
    public async Task Invent_DuplicatesOfEachOtherAndOfASeed_AreDroppedAndAskedAgainForTheSameLabel()
    {
        await using var endpoint = await StartAsync(
            Says("stop", "It is late."), Says("stop", "it is BROKEN"), Says("stop", "It is late!"), Says("stop", "Well done."), Says("stop", "It is blue."));
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=1");

        var (inputs, summary) = await Invent(teacher, new InventInputsRequest { TaskDescription = "x", Labels = { "a", "b" }, Count = 3, Seeds = { Seed("It is broken.") } });

        Assert.Equal([("It is late.", "a"), ("Well done.", "b"), ("It is blue.", "a")], inputs.Select(input => (input.Segments[0], input.TeacherLabel)));
        Assert.Equal((3, 5, 2, 0, ""), (summary.Invented, summary.Asked, summary.Duplicates, summary.Unusable, summary.Reason));
    }

    [Fact]
    public async Task Invent_NothingButTheSame_StopsAfterABoundedNumberOfTries()
    {
        await using var endpoint = await StartAsync(Says("stop", "It is late."));
        await using var teacher = await Teacher(endpoint);

        var (inputs, summary) = await Invent(teacher, new InventInputsRequest { TaskDescription = "x", Count = 4 });

        Assert.Single(inputs);
        Assert.Equal((1, 19, 18, "TRIES_EXHAUSTED"), (summary.Invented, summary.Asked, summary.Duplicates, summary.Reason));
        Assert.Equal(19, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Invent_RefusalsCutAnswersAndFailures_AreUnusableAndAskedAgain()
    {
        await using var endpoint = await StartAsync(
            Says("stop", "I'm sorry, I cannot help with that."), Says("length", "It is so la"), Says("content_filter", "It"), Says("stop", "..."), Refuses(400), Says("stop", "It is late."));
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=1");

        var (inputs, summary) = await Invent(teacher, new InventInputsRequest { TaskDescription = "x", Count = 1 });

        Assert.Equal("It is late.", Assert.Single(inputs).Segments[0]);
        Assert.Equal((1, 6, 5, 0), (summary.Invented, summary.Asked, summary.Unusable, summary.Duplicates));
    }

    [Fact]
    public async Task Invent_SeedsOfSeveralSegments_GivesAsMany()
    {
        await using var endpoint = await StartAsync(Says("stop", "A man sleeps."), Says("stop", "A dog runs.\n---\nAn animal moves."));
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=1");

        var (inputs, summary) = await Invent(teacher, new InventInputsRequest { TaskDescription = "x", Count = 1, Seeds = { Seed("A man sleeps.", "He is awake.") } });

        Assert.Equal(["A dog runs.", "An animal moves."], Assert.Single(inputs).Segments);
        Assert.Equal(1, summary.Unusable);
        Assert.Contains("A man sleeps.\n---\nHe is awake.", Last(endpoint.Requests.First().Body), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Invent_AskedAgainAfterARestart_GivesTheSameAndPaysForNothing()
    {
        await using var endpoint = await StartAsync(Different());
        var request = new InventInputsRequest { TaskDescription = "x", Labels = { "a", "b", "c" }, Count = 40, Seeds = { Enumerable.Range(0, 12).Select(i => Seed($"Seed {i}")) } };
        List<Example> first, again, more;
        await using (var teacher = await Teacher(endpoint))
        {
            (first, var paid) = await Invent(teacher, request);
            Assert.Equal((40, 0, true), (paid.Invented, paid.Kept, paid.Duplicates > 0));
        }

        var asked = endpoint.Requests.Count;
        await using var restarted = await Teacher(endpoint);
        (again, var summary) = await Invent(restarted, request);
        Assert.Equal(first, again);
        Assert.Equal((asked, asked, asked, 0), (endpoint.Requests.Count, summary.Asked, summary.Kept, summary.Usage.CostNanos));

        request.Count = 60;
        (more, summary) = await Invent(restarted, request);
        Assert.Equal(60, more.Count);
        Assert.True(summary.Kept >= 40, $"{summary}");
    }

    [Fact]
    public async Task Invent_Budget_IsNeverPassedAndSaysSo()
    {
        await using var endpoint = await StartAsync(Different());
        await using var teacher = await Teacher(endpoint);
        var request = new InventInputsRequest { TaskDescription = "x", Count = 50, BudgetNanos = 20 * Cost };

        var (inputs, summary) = await Invent(teacher, request);

        Assert.InRange(inputs.Count, 1, 20);
        Assert.Equal((inputs.Count, "BUDGET_EXHAUSTED", endpoint.Requests.Count * Cost), (summary.Invented, summary.Reason, summary.Usage.CostNanos));
        Assert.InRange(summary.Usage.CostNanos, Cost, request.BudgetNanos);
        request.BudgetNanos = 0;
        Assert.Equal(50, (await Invent(teacher, request)).Summary.Invented);
    }

    [Fact]
    public async Task Invent_TeacherThatRefusesEverything_FailsTheCall()
    {
        await using var endpoint = await StartAsync(Refuses(401));
        await using var teacher = await Teacher(endpoint);

        var failure = await Assert.ThrowsAsync<RpcException>(() => Invent(teacher, new InventInputsRequest { TaskDescription = "x", Count = 5 }));

        Assert.Equal((StatusCode.FailedPrecondition, "TEACHER_DENIED"), (failure.StatusCode, RpcErrors.Reason(failure)));
    }

    [Fact]
    public async Task Invent_Cancelled_ReachesTheEndpoint()
    {
        var asked = new TaskCompletionSource();
        var aborted = new TaskCompletionSource();
        await using var endpoint = await StartAsync(Says("stop", "It is late."), async context =>
        {
            context.RequestAborted.Register(() => aborted.TrySetResult());
            await BeginAsync(context);
            asked.TrySetResult();
            await aborted.Task;
        });
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=1");
        using var stop = new CancellationTokenSource();

        await Assert.ThrowsAnyAsync<Exception>(async () =>
        {
            await foreach (var response in teacher.Client.InventInputsAsync(new InventInputsRequest { TaskDescription = "x", Count = 5 }, stop.Token))
            {
                Assert.Equal("It is late.", response.Input.Segments[0]);
                await asked.Task.WaitAsync(TimeSpan.FromSeconds(60));
                await stop.CancelAsync();
            }
        });

        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(60));
    }

    public static TheoryData<string, InventInputsRequest> Bad => new()
    {
        { "task_description", new() { Count = 1 } },
        { "task_description", new() { Count = 1, TaskDescription = new string('x', 4001) } },
        { "count", new() { TaskDescription = "x" } },
        { "count", new() { TaskDescription = "x", Count = 100_001 } },
        { "temperature", new() { TaskDescription = "x", Count = 1, Temperature = double.NaN } },
        { "budget_nanos", new() { TaskDescription = "x", Count = 1, BudgetNanos = -1 } },
        { "tag", new() { TaskDescription = "x", Count = 1, Tag = "Team" } },
        { "labels", new() { TaskDescription = "x", Count = 1, Labels = { "a", "a" } } },
        { "labels", new() { TaskDescription = "x", Count = 1, Labels = { " " } } },
        { "seeds", new() { TaskDescription = "x", Count = 1, Seeds = { Enumerable.Repeat(Seed("s"), 51) } } },
        { "seeds.segments", new() { TaskDescription = "x", Count = 1, Seeds = { Seed("s"), Seed("s", "t") } } },
        { "seeds.segments", new() { TaskDescription = "x", Count = 1, Seeds = { Seed("") } } },
        { "teacher", new() { TaskDescription = "x", Count = 1, Teacher = "teachers/symbolic" } },
    };

    [Theory]
    [MemberData(nameof(Bad))]
    public async Task Invent_BadRequest_IsRefusedNamingTheField(string field, InventInputsRequest request)
    {
        await using var teacher = await RunningTeacher.StartAsync([.. Settings("http://127.0.0.1:9/v1"), "--Teachers:symbolic:Backend=symbolic", "--DefaultTeacher=gpt"]);

        var failure = await Assert.ThrowsAsync<RpcException>(() => Invent(teacher, request));

        Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
    }

    // Another text for every call, but the same for every fifth and the one before it; not in the order of the calls.
    private static Func<HttpContext, Task> Different()
    {
        var number = 0;
        return async context =>
        {
            var mine = Interlocked.Increment(ref number);
            await Task.Delay(mine * 7 % 30);
            await Says("stop", $"Text {mine - (mine % 5 == 0 ? 1 : 0)}.")(context);
        };
    }

    private static Example Seed(params string[] segments) => new() { Segments = { segments } };

    private static string Last(System.Text.Json.JsonElement body) => body.GetProperty("messages").EnumerateArray().Last().GetProperty("content") is { ValueKind: System.Text.Json.JsonValueKind.Array } parts
        ? string.Concat(parts.EnumerateArray().Select(part => part.GetProperty("text").GetString()))
        : body.GetProperty("messages").EnumerateArray().Last().GetProperty("content").GetString()!;

    private static string[] Settings(string address) =>
    [
        "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={address}", "--Teachers:gpt:Model=model-1", "--Teachers:gpt:MaxOutputTokens=20",
        "--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10", "--Teachers:gpt:RetryDelay=00:00:00.001",
    ];

    private Task<RunningTeacher> Teacher(ScriptedEndpoint endpoint, params string[] settings) =>
        RunningTeacher.StartAsync([$"--StateDirectory={_state.Path}", .. Settings(endpoint.Address), .. settings]);

    private static async Task<(List<Example> Inputs, InventionSummary Summary)> Invent(RunningTeacher teacher, InventInputsRequest request)
    {
        var responses = await teacher.Client.InventInputsAsync(request).ToListAsync();
        return (responses.SkipLast(1).Select(response => response.Input).ToList(), responses[^1].Summary);
    }
}
