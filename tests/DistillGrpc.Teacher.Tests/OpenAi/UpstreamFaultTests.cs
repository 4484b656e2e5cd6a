using System.Collections.Concurrent;
using System.Diagnostics;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Backends.OpenAi;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Time.Testing;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.OpenAi;

public sealed class UpstreamFaultTests
{
    private const string Key = "sk-secret-0123456789";
    private const string Whole = "It is so, naïvely. The answer is yes.";
    private static readonly Func<HttpContext, Task> Good = Says("stop", "It is so. The answer is yes.");

    [Fact]
    public async Task Answer_CertificateThatNobodyTrusts_EndsTheCallAtOnceAndTheKeyIsNotSent()
    {
        using var certificate = SelfSigned();
        await using var endpoint = await StartAsync(certificate, Good);
        await using var teacher = await Teacher(endpoint.Address);

        var failure = await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, 1));

        Assert.Equal((StatusCode.FailedPrecondition, "TEACHER_NOT_TRUSTED"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.Empty(endpoint.Requests);
        Assert.DoesNotContain(Key, $"{failure.Status.Detail}{teacher.Log}", StringComparison.Ordinal);
    }

    [Fact]
    public async Task Answer_HostThatTalksNoTls_IsNotTrustedOrNotReached()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint.Address.Replace("http:", "https:", StringComparison.Ordinal), "--Teachers:gpt:Retries=0");

        var failure = await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, 1));

        Assert.Contains(RpcErrors.Reason(failure), new[] { "TEACHER_NOT_TRUSTED", "TEACHER_UNREACHABLE" });
        Assert.Empty(endpoint.Requests);
    }

    [Fact]
    public async Task Answer_NameThatDoesNotResolve_IsUnavailableAfterBoundedRetries()
    {
        await using var teacher = await Teacher("https://teacher.invalid/v1", "--Teachers:gpt:Retries=1");

        var failure = await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, 1));

        Assert.Equal((StatusCode.Unavailable, "TEACHER_UNREACHABLE"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.NotNull(RpcErrors.RetryDelay(failure));
    }

    [Theory]
    [InlineData("""{"error":{"code":"content_filter","message":"...","innererror":{"code":"ResponsibleAIPolicyViolation"}}}""", "CONTENT_FILTERED")]
    [InlineData("""{"error":{"code":null,"type":"content_filter"}}""", "CONTENT_FILTERED")]
    [InlineData("""{"error":"no object"}""", "TEACHER_REFUSED_INPUT")]
    [InlineData("""[[[[""", "TEACHER_REFUSED_INPUT")]
    [InlineData("", "TEACHER_REFUSED_INPUT")]
    public async Task Answer_InputThatIsFiltered_IsThatRowsErrorAndIsNotAskedAgain(string body, string reason)
    {
        await using var endpoint = await StartAsync(Refuses(400, body), Good);
        await using var teacher = await Teacher(endpoint.Address, "--MaxInputsInFlight=1");

        var results = await Ask(teacher, 2);

        Assert.Equal([reason, ""], results.Select(result => result.Error?.Reason ?? ""));
        Assert.Equal((int)StatusCode.InvalidArgument, results[0].Error.Code);
        Assert.Equal(2, endpoint.Requests.Count);
    }

    [Theory]
    [InlineData("""{"error":{"code":"insufficient_quota"}}""")]
    [InlineData("""{"error":{"type":"insufficient_quota","code":null}}""")]
    public async Task Answer_QuotaThatIsUsedUp_IsNotTakenForThrottling(string body)
    {
        await using var endpoint = await StartAsync(Refuses(429, body, ("Retry-After", "1")));
        await using var teacher = await Teacher(endpoint.Address);

        var failure = await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, 1));

        Assert.Equal((StatusCode.ResourceExhausted, "TEACHER_QUOTA_EXHAUSTED"), (failure.StatusCode, RpcErrors.Reason(failure)));
        Assert.Single(endpoint.Requests);
    }

    [Theory]
    [InlineData(301)]
    [InlineData(302)]
    [InlineData(303)]
    [InlineData(307)]
    [InlineData(308)]
    public async Task Answer_RedirectToAnotherHost_IsNotFollowed(int status)
    {
        await using var elsewhere = await StartAsync(Good);
        await using var endpoint = await StartAsync(Refuses(status, "{}", ("Location", $"{elsewhere.Address}/chat/completions")));
        await using var teacher = await Teacher(endpoint.Address);

        Assert.Equal("TEACHER_REDIRECTS", RpcErrors.Reason(await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, 1))));
        Assert.Empty(elsewhere.Requests);
    }

    [Theory]
    [InlineData("chat")]
    [InlineData("completions")]
    public async Task Answer_StreamCutAnywhere_IsNeverHalfAnAnswer(string api)
    {
        var stream = Encoding.UTF8.GetBytes(api == "chat"
            ? $"data: {Piece(Whole[..12])}\r\n\r\n: still here\n\ndata: {Piece(Whole[12..])}\n\ndata: {Chunk("{}", "stop")}\n\ndata: [DONE]\n\n"
            : $"data: {Part(Whole[..12])}\r\n\r\n: still here\n\ndata: {Part(Whole[12..])}\n\ndata: {Part("", "\"stop\"")}\n\ndata: [DONE]\n\n");
        var cut = -1;
        await using var endpoint = await StartAsync(async context =>
        {
            await BeginAsync(context);
            await context.Response.Body.WriteAsync(stream.AsMemory(0, Interlocked.Increment(ref cut)));
        });
        await using var teacher = await Teacher(endpoint.Address, $"--Teachers:gpt:Api={api}", "--Teachers:gpt:Retries=0", "--Teachers:gpt:BreakAfter=1000000");

        var results = await Ask(teacher, stream.Length);

        Assert.Equal(stream.Length, results.Count);
        Assert.All(results, result => Assert.True(result is { ParseOutcome: ParseOutcome.Failed, RawText: "", Error.Reason: "TEACHER_STREAM_CUT" or "TEACHER_STREAM_BROKEN" } or { RawText: Whole, Label: "yes" }));
        Assert.InRange(results.Count(result => result.Error is null), 1, 30);
    }

    [Theory]
    [InlineData("cut", true)]
    [InlineData("slow", true)]
    [InlineData("mute", false)]
    [InlineData("refused", false)]
    [InlineData("cut, then refused", false)]
    public async Task Failure_OfAnInput_SaysWhetherTheLastTryHadBegunToAnswer(string how, bool hadText)
    {
        await using var endpoint = await StartAsync(Failing(how));
        var options = OpenAiOptions.Of("gpt", new TeacherEntry
        {
            Endpoint = endpoint.Address,
            Model = "m",
            Retries = 1,
            RetryDelay = TimeSpan.FromMilliseconds(1),
            AttemptTimeout = TimeSpan.FromSeconds(30),
        });
        var (time, heard) = (new FakeTimeProvider(DateTimeOffset.UtcNow), 0);
        using var backend = new OpenAiBackend(options, PromptCatalog.Load("").OfSetting("Prompt", "answer"), time);
        var query = new RationaleQuery(null, 9, 0, DateTimeOffset.MaxValue, new CallBudget(0));

        var asking = Assert.ThrowsAsync<TeacherRowException>(() => backend.AskAsync([], Row(0), query, OnTextAsync, (call, token) => call(token), CancellationToken.None).AsTask());
        for (var tries = 1; tries <= 2 && how is "slow" or "mute"; tries++)
        {
            await PassAsync(time, () => endpoint.Requests.Count == tries && (how == "mute" || Volatile.Read(ref heard) == tries));
            time.Advance(options.AttemptTimeout);
        }

        await PassAsync(time, () => asking.IsCompleted);
        Assert.Equal((2, hadText), (endpoint.Requests.Count, (await asking).HadText));

        ValueTask OnTextAsync(string text, bool isRestart)
        {
            Interlocked.Increment(ref heard);
            return ValueTask.CompletedTask;
        }
    }

    [Fact]
    public void LogException_WhatTheMessageSaysAlready_IsNotLoggedAgain()
    {
        var (denied, lost) = (UpstreamFailure.TimedOut(), new IOException("lost"));

        Assert.Null(new TeacherFailedException(StatusCode.Unavailable, "A", "a", denied).LogException);
        Assert.Null(new TeacherFailedException(StatusCode.Unavailable, "A", "a", UpstreamFailure.NotBatched(new TeacherFailedException(StatusCode.Unavailable, "A", "a", denied))).LogException);
        Assert.Same(lost, new TeacherFailedException(StatusCode.Unavailable, "A", "a", UpstreamFailure.NotBatched(lost)).LogException);
        Assert.Same(lost, new TeacherFailedException(StatusCode.Unavailable, "A", "a", lost).LogException);
        Assert.Null(new TeacherFailedException(StatusCode.Unavailable, "A", "a").LogException);
    }

    [Fact]
    public async Task Answer_FirstText_ArrivesWhileTheModelStillWrites()
    {
        var seen = new TaskCompletionSource();
        await using var endpoint = await StartAsync(async context =>
        {
            await BeginAsync(context);
            await SendAsync(context, Piece("It is so. "));
            await seen.Task.WaitAsync(TimeSpan.FromSeconds(30));
            await SendAsync(context, Piece("The answer is yes."));
            await SendAsync(context, Chunk("{}", "stop"));
        });
        await using var teacher = await Teacher(endpoint.Address);

        var texts = new List<string>();
        await foreach (var response in teacher.Client.GenerateRationalesAsync(new RationaleSpec { StreamText = true }, new[] { Row(0) }.ToAsyncEnumerable()))
        {
            texts.Add(response.Delta?.Text ?? response.Result.RawText);
            seen.TrySetResult();
        }

        Assert.Equal(["It is so. ", "The answer is yes.", "It is so. The answer is yes."], texts);
    }

    [Fact]
    public async Task Key_WhateverHappens_IsInNoTraceLogErrorOrText()
    {
        var traced = new ConcurrentQueue<string>();
        using var listener = new ActivityListener
        {
            ShouldListenTo = _ => true,
            Sample = (ref ActivityCreationOptions<ActivityContext> _) => ActivitySamplingResult.AllDataAndRecorded,
            ActivityStopped = activity => traced.Enqueue(string.Join(
                ' ', activity.DisplayName, activity.StatusDescription, string.Join(' ', activity.TagObjects), string.Join(' ', activity.Baggage), string.Join(' ', activity.Events.SelectMany(e => e.Tags)))),
        };
        ActivitySource.AddActivityListener(listener);
        var echoed = $$$"""{"error":{"message":"Incorrect API key provided: {{{Key}}}","code":"{{{Key}}}","type":"{{{Key}}}"}}""";
        foreach (var answer in new[] { Good, Refuses(400, echoed), Refuses(401, echoed), Refuses(503, echoed), Sends($"data: {echoed}\n\n"), Sends($"data: {Key}\n\n"), Sends($"data: {Chunk("{}", Key)}\n\n") })
        {
            await using var endpoint = await StartAsync(answer);
            await using var teacher = await Teacher(endpoint.Address, "--Teachers:gpt:Retries=0");
            var said = await Ask(teacher, 1).ContinueWith(asked => asked.IsCompletedSuccessfully ? string.Join(' ', asked.Result) : $"{asked.Exception}");

            Assert.Equal($"Bearer {Key}", endpoint.Requests.First().Authorization);
            Assert.DoesNotContain(Key, said, StringComparison.Ordinal);
            Assert.DoesNotContain(Key, teacher.Log, StringComparison.Ordinal);
            Assert.DoesNotContain(Key, $"{await teacher.Client.ListTeachersAsync().ContinueWith(listed => string.Join(' ', listed.Result))}", StringComparison.Ordinal);
        }

        Assert.Contains(traced, text => text.Contains("chat/completions", StringComparison.Ordinal));
        Assert.DoesNotContain(traced, text => text.Contains(Key, StringComparison.Ordinal));
        var entry = new TeacherEntry { Endpoint = "https://example.com/v1", Model = "m", ApiKey = Key };
        Assert.DoesNotContain(Key, $"{entry}{OpenAiOptions.Of("gpt", entry)}", StringComparison.Ordinal);
    }

    private static Func<HttpContext, Task>[] Failing(string how)
    {
        var cut = Sends($"data: {Piece("It is ")}\n\n");
        return how switch
        {
            "cut" => [cut],
            "slow" => [async context =>
            {
                await cut(context);
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }],
            "mute" => [context => Task.Delay(Timeout.Infinite, context.RequestAborted)],
            "refused" => [Refuses(503)],
            _ => [cut, Refuses(503)],
        };
    }

    // Time passes for what waits a little before it tries again, until the condition holds.
    private static async Task PassAsync(FakeTimeProvider time, Func<bool> condition)
    {
        for (var i = 0; !condition(); i++)
        {
            Assert.InRange(i, 0, 5000);
            time.Advance(TimeSpan.FromMilliseconds(1));
            await Task.Delay(5);
        }
    }

    private static string Part(string text, string finishReason = "null") =>
        $$$"""{"model":"m","choices":[{"index":0,"text":{{{System.Text.Json.JsonSerializer.Serialize(text)}}},"finish_reason":{{{finishReason}}}}]}""";

    private static X509Certificate2 SelfSigned()
    {
        using var key = RSA.Create(2048);
        var now = DateTimeOffset.UtcNow;
        using var made = new CertificateRequest("CN=127.0.0.1", key, HashAlgorithmName.SHA256, RSASignaturePadding.Pkcs1).CreateSelfSigned(now.AddDays(-1), now.AddDays(1));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
    }

    private static Task<RunningTeacher> Teacher(string address, params string[] settings) => RunningTeacher.StartAsync([
        "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={address}", "--Teachers:gpt:Model=m", $"--Teachers:gpt:ApiKey={Key}", "--Teachers:gpt:RetryDelay=00:00:00.001", .. settings]);

    private static Example Row(int number) => new() { Id = $"{number}", Segments = { $"Is it {number}?" } };

    private static async Task<List<RationaleResult>> Ask(RunningTeacher teacher, int count) => await teacher.Client
        .GenerateRationalesAsync(new RationaleSpec(), Enumerable.Range(0, count).Select(Row).ToAsyncEnumerable()).Select(response => response.Result).ToListAsync();
}
