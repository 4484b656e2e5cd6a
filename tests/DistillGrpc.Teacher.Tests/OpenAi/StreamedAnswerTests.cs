using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.OpenAi;

/// <summary>What an answer that comes as a stream does, whichever of OpenAI's interfaces it comes by.</summary>
public abstract class StreamedAnswerTests
{
    private protected const string Key = "sk-secret-0123456789";
    private const string ErrorEvent = $$$"""{"error":{"message":"overloaded {{{Key}}}","type":"server_error"}}""";
    private static readonly string[] Pieces = [" He sleeps, ", "so he is not awake. ", "The answer is contradiction."];

    public static TheoryData<string> Transient => ["500", "502", "429", "429-date", "408", "cut", "cut-json", "aborted", "error-inside", "not-json", "array", "deep", "no-event", "html", "empty-end"];

    /// <summary>The path below the endpoint's address.</summary>
    private protected abstract string Resource { get; }

    private protected Func<HttpContext, Task> Good => Answers("stop", Pieces);

    [Fact]
    public async Task Answer_StreamedWhole_IsReadWithUsageModelAndPrompt()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);

        var responses = await Ask(teacher, new RationaleSpec { StreamText = true }, Row("a"));

        var result = responses[^1].Result;
        Assert.Equal((ParseOutcome.Parsed, "He sleeps, so he is not awake.", "contradiction"), (result.ParseOutcome, result.Rationale, result.Label));
        Assert.Equal(string.Concat(Pieces), result.RawText);
        Assert.Equal(Pieces, responses.SkipLast(1).Select(response => response.Delta.Text));
        Assert.Equal((31, 7), (result.Usage.InputTokens, result.Usage.OutputTokens));
        Assert.Equal(("teachers/gpt", "model-2", "prompts/nli", "stop"), (result.Provenance.Teacher, result.Provenance.Model, result.Provenance.Prompt, result.Provenance.FinishReason));
        Assert.Matches("^[0-9a-f]{64}$", result.Provenance.PromptHash);
    }

    [Theory]
    [MemberData(nameof(Transient))]
    public async Task Answer_FailureThatMayPass_IsAskedAgainAndWhatCameBeforeIsVoid(string failure)
    {
        await using var endpoint = await StartAsync(Fails(failure), Good);
        await using var teacher = await Teacher(endpoint);

        var responses = await Ask(teacher, new RationaleSpec { StreamText = true }, Row("a"));

        Assert.Equal(2, endpoint.Requests.Count);
        Assert.Equal(string.Concat(Pieces), responses[^1].Result.RawText);
        var deltas = responses.SkipLast(1).Select(response => response.Delta).ToList();
        Assert.Equal(deltas.Count > Pieces.Length ? 1 : 0, deltas.Count(delta => delta.Restart));
        Assert.Equal(Pieces, deltas.TakeLast(Pieces.Length).Select(delta => delta.Text));
    }

    [Theory]
    [InlineData("cut", "TEACHER_STREAM_CUT")]
    [InlineData("error-inside", "TEACHER_STREAM_CUT")]
    [InlineData("empty-end", "TEACHER_STREAM_CUT")]
    [InlineData("cut-json", "TEACHER_STREAM_BROKEN")]
    [InlineData("not-json", "TEACHER_STREAM_BROKEN")]
    [InlineData("array", "TEACHER_STREAM_BROKEN")]
    [InlineData("500", "TEACHER_FAILED")]
    public async Task Answer_FailureThatDoesNotPass_IsARowWithItsReasonAfterTheRetriesAndNeverHalfAnAnswer(string failure, string reason)
    {
        await using var endpoint = await StartAsync(Fails(failure));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=2");

        var result = (await Ask(teacher, new RationaleSpec(), Row("a")))[^1].Result;

        Assert.Equal(3, endpoint.Requests.Count);
        Assert.Equal((ParseOutcome.Failed, reason, "", ""), (result.ParseOutcome, result.Error.Reason, result.Label, result.RawText));
    }

    [Theory]
    [InlineData(401, "", StatusCode.FailedPrecondition, "TEACHER_DENIED")]
    [InlineData(403, "", StatusCode.FailedPrecondition, "TEACHER_DENIED")]
    [InlineData(404, "model_not_found", StatusCode.FailedPrecondition, "TEACHER_NOT_THERE")]
    [InlineData(429, "insufficient_quota", StatusCode.ResourceExhausted, "TEACHER_QUOTA_EXHAUSTED")]
    [InlineData(302, "", StatusCode.FailedPrecondition, "TEACHER_REDIRECTS")]
    [InlineData(307, "", StatusCode.FailedPrecondition, "TEACHER_REDIRECTS")]
    public async Task Answer_EverythingRefused_EndsTheCallAtOnceAndSaysNothingOfTheKey(int status, string code, StatusCode expected, string reason)
    {
        await using var elsewhere = await StartAsync(Good);
        await using var endpoint = await StartAsync(Refuses(status, $$$"""{"error":{"message":"key {{{Key}}}","code":"{{{code}}}"}}""", ("Location", $"{elsewhere.Address}/{Resource}")));
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=1");

        var failure = await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, new RationaleSpec(), Row("a"), Row("b")));

        Assert.Equal((expected, reason), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.Single(endpoint.Requests);
        Assert.Empty(elsewhere.Requests);
        Assert.DoesNotContain(Key, $"{failure.Status.Detail}{teacher.Log}", StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("one-line")]
    [InlineData("many-events")]
    [InlineData("many-lines")]
    [InlineData("comments")]
    public async Task Answer_StreamWithoutEnd_IsCutOffAtTheLimit(string shape)
    {
        await using var endpoint = await StartAsync(async context =>
        {
            await BeginAsync(context);
            await context.Response.WriteAsync(shape == "one-line" ? "data: " : "");
            var more = shape switch { "many-events" => $"data: {Part(new string('x', 4096))}\n\n", "many-lines" => $"data: {new string('x', 4096)}\n", "comments" => $": {new string('x', 4096)}\n", _ => new string('x', 4096) };
            while (!context.RequestAborted.IsCancellationRequested)
            {
                await context.Response.WriteAsync(more, context.RequestAborted);
            }
        });
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:MaxResponseBytes=100000", "--Teachers:gpt:Retries=2");

        var result = (await Ask(teacher, new RationaleSpec(), Row("a")))[^1].Result;

        Assert.Equal(("TEACHER_ANSWER_TOO_LONG", 3), (result.Error.Reason, endpoint.Requests.Count));
    }

    [Fact]
    public async Task Answer_StreamThatTrickles_TimesOut()
    {
        await using var endpoint = await StartAsync(async context =>
        {
            await BeginAsync(context);
            while (true)
            {
                await SendAsync(context, Part("x"));
                await Task.Delay(20, context.RequestAborted);
            }
        });
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:AttemptTimeout=00:00:00.3", "--Teachers:gpt:Timeout=00:01:00", "--Teachers:gpt:Retries=1");

        var result = (await Ask(teacher, new RationaleSpec(), Row("a")))[^1].Result;

        Assert.Equal("TEACHER_TIMEOUT", result.Error.Reason);
        // They may have timed out on their way.
        Assert.InRange(endpoint.Requests.Count, 0, 2);
    }

    [Fact]
    public async Task Cancel_CallUnderWay_ReachesTheEndpoint()
    {
        var (begun, aborted) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var endpoint = await StartAsync(async context =>
        {
            context.RequestAborted.Register(aborted.SetResult);
            await BeginAsync(context);
            await SendAsync(context, Part("x"));
            begun.SetResult();
            await aborted.Task;
        });
        await using var teacher = await Teacher(endpoint);
        using var stop = new CancellationTokenSource();

        var call = Ask(teacher, new RationaleSpec(), stop.Token, Row("a"));
        await begun.Task;
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => call);
        await aborted.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Single(endpoint.Requests);
    }

    /// <summary>A whole answer: its pieces, why it ends, and what it used.</summary>
    private protected abstract Func<HttpContext, Task> Answers(string finishReason, params string[] pieces);

    /// <summary>The event of a piece.</summary>
    private protected abstract string Part(string text);

    /// <summary>A teacher at an address, with the setting that chooses the interface where one is needed.</summary>
    private protected abstract string[] Settings(string address);

    private protected static string[] SettingsOf(string address, params string[] more) =>
    [
        "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={address}", "--Teachers:gpt:Model=model-1", $"--Teachers:gpt:ApiKey={Key}", "--Teachers:gpt:Prompt=nli",
        "--Teachers:gpt:RetryDelay=00:00:00.001", .. more,
    ];

    private protected Task<RunningTeacher> Teacher(ScriptedEndpoint endpoint, params string[] settings) => RunningTeacher.StartAsync([.. Settings(endpoint.Address), .. settings]);

    private protected static Example Row(string id, string premise = "A man sleeps.", string hypothesis = "A man is awake.") => new() { Id = id, Segments = { premise, hypothesis } };

    private protected static Task<List<GenerateRationalesResponse>> Ask(RunningTeacher teacher, RationaleSpec spec, params Example[] rows) => Ask(teacher, spec, CancellationToken.None, rows);

    private protected static async Task<List<GenerateRationalesResponse>> Ask(RunningTeacher teacher, RationaleSpec spec, CancellationToken cancellationToken, params Example[] rows) =>
        await teacher.Client.GenerateRationalesAsync(spec, rows.ToAsyncEnumerable(), cancellationToken).ToListAsync(cancellationToken);

    private Func<HttpContext, Task> Fails(string how) => how switch
    {
        "429" => Refuses(429, "{}", ("Retry-After", "0")),
        "429-date" => Refuses(429, "{}", ("Retry-After", "Wed, 21 Oct 2015 07:28:00 GMT")),
        "cut" => Sends($"data: {Part("He eats. ")}\n\ndata: {Part("The answer is neutral.")}\n\n"),
        "cut-json" => Sends($"data: {Part("He eats. ")}\n\ndata: {Part("The answer is neutral.")[..40]}\n\n"),
        "aborted" => Sends($"data: {Part("He eats. ")}\n\n", abort: true),
        "error-inside" => Sends($"data: {Part("He eats. ")}\n\ndata: {ErrorEvent}\n\n"),
        "not-json" => Sends("data: He eats.\n\n"),
        "array" => Sends("data: [{}]\n\n"),
        "deep" => Sends($"data: {new string('[', 5000)}\n\n"),
        "no-event" => Sends(""),
        "html" => Sends("<html><body>Gateway</body></html>"),
        "empty-end" => Sends($"data: {Part("He eats. ")}\n\ndata: [DONE]\n\n"),
        var status => Refuses(int.Parse(status)),
    };
}
