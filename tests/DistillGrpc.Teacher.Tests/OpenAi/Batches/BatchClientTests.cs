using System.Text;
using System.Text.Json.Nodes;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Backends.OpenAi;
using DistillGrpc.Teacher.Backends.OpenAi.Batches;
using Grpc.Core;
using Microsoft.AspNetCore.Http;

namespace DistillGrpc.Teacher.Tests.OpenAi.Batches;

public sealed class BatchClientTests
{
    private const string Key = "sk-secret-0123456789";

    [Fact]
    public async Task Submit_Requests_AreUploadedLineByLineAndMakeOneBatchForADay()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        using var client = Client(endpoint);

        var batch = await client.SubmitAsync("job-1", [Request("a", "Is it \"so\"?\nOr not?"), Request("b", "Und jetzt \u00fc?")], CancellationToken.None);

        Assert.Equal("batch_1", batch);
        var (purpose, lines) = Assert.Single(endpoint.Uploads);
        Assert.Equal(("batch", 3, ""), (purpose, lines.Length, lines[^1]));
        var sent = lines.SkipLast(1).Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.Equal([("a", "POST", "/v1/chat/completions"), ("b", "POST", "/v1/chat/completions")], sent.Select(line => ((string)line["custom_id"]!, (string)line["method"]!, (string)line["url"]!)));
        Assert.Equal(["Is it \"so\"?\nOr not?", "Und jetzt \u00fc?"], sent.Select(line => (string)line["body"]!["messages"]![0]!["content"]!));
        var made = Assert.Single(endpoint.Batches);
        Assert.Equal(("file-in", "/v1/chat/completions", "24h", "job-1"), ((string)made["input_file_id"]!, (string)made["endpoint"]!, (string)made["completion_window"]!, (string)made["metadata"]!["distill_key"]!));
        Assert.All(endpoint.Requests, request => Assert.Equal($"Bearer {Key}", request.Authorization));
    }

    [Fact]
    public async Task Submit_SameKeyInAnotherProcess_FindsTheBatchThatIsThereAlsoBehindManyOthers()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_old", "job-1");
        for (var i = 0; i < 250; i++)
        {
            endpoint.Add($"other_{i}", $"other-{i}");
        }

        using var client = Client(endpoint);

        Assert.Equal("batch_old", await client.SubmitAsync("job-1", [Request("a")], CancellationToken.None));
        Assert.Empty(endpoint.Uploads);
        Assert.Equal(3, endpoint.Requests.Count);
        Assert.Null(await client.FindAsync("job-2", CancellationToken.None));
    }

    [Fact]
    public async Task Submit_ResponseThatIsLost_MakesNoSecondBatch()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Made = context => context.Abort();
        using var client = Client(endpoint);

        Assert.Equal("batch_1", await client.SubmitAsync("job-1", [Request("a")], CancellationToken.None));
        Assert.Single(endpoint.Batches);
    }

    [Theory]
    [InlineData("POST /v1/files")]
    [InlineData("POST /v1/batches")]
    [InlineData("GET /v1/batches")]
    public async Task Submit_FailureThatPasses_IsTriedAgain(string call)
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Before = Fails(call, 503, times: 2);
        using var client = Client(endpoint);

        Assert.Equal("batch_1", await client.SubmitAsync("job-1", [Request("a")], CancellationToken.None));
        Assert.Single(endpoint.Batches);
    }

    [Theory]
    [InlineData(401, StatusCode.FailedPrecondition, "TEACHER_DENIED")]
    [InlineData(302, StatusCode.FailedPrecondition, "TEACHER_REDIRECTS")]
    public async Task Submit_EverythingRefused_FailsAtOnceAndTheKeyGoesNowhere(int status, StatusCode code, string reason)
    {
        await using var elsewhere = await BatchEndpoint.StartAsync();
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Before = context =>
        {
            context.Response.Headers.Location = $"{elsewhere.Address}/batches";
            return Fails("", status)(context);
        };
        using var client = Client(endpoint);

        var failure = await Assert.ThrowsAsync<TeacherFailedException>(() => client.SubmitAsync("job-1", [Request("a")], CancellationToken.None));

        Assert.Equal((code, reason, 1, 0), (failure.Code, failure.Reason, endpoint.Requests.Count, elsewhere.Requests.Count));
        Assert.DoesNotContain(Key, failure.ToString(), StringComparison.Ordinal);
    }

    public static TheoryData<string[]> BadIds => [Array.Empty<string>(), [""], ["a", "a"], [new string('a', 129)], [.. Enumerable.Range(0, 50_001).Select(i => $"{i}")]];

    [Theory]
    [MemberData(nameof(BadIds))]
    public async Task Submit_BadRequests_AreRefusedWithoutACall(string[] ids)
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        using var client = Client(endpoint);

        await Assert.ThrowsAsync<ArgumentException>(() => client.SubmitAsync("job-1", [.. ids.Select(id => Request(id))], CancellationToken.None));
        Assert.Empty(endpoint.Requests);
    }

    [Fact]
    public async Task Wait_BatchOfAnEarlierProcess_GivesResultsByIdWhateverTheirOrder()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_old", "job-1");
        endpoint.Looks = [Look("validating"), Look("in_progress"), Look("something_new"), Look("finalizing"), Look("completed", "out", "err")];
        endpoint.Files["out"] = $"{Answer("b", "It is not.")}\n{Answer("a", "It is.", "length")}\n";
        endpoint.Files["err"] = $"{Error("c", 400, "context_length_exceeded")}\n{Error("d", 500, "server_error")}\n{Error("e", 429, "rate_limit_exceeded")}\n{Error("f", 400, "content_filter")}";
        using var client = Client(endpoint);

        var outcome = await client.WaitAsync("batch_old", CancellationToken.None);

        Assert.Equal((BatchEnd.Completed, 6, 0), (outcome.End, outcome.Results.Count, outcome.Unreadable));
        var (a, b) = (outcome.ResultOf("a").Answer!, outcome.ResultOf("b").Answer!);
        Assert.Equal(("It is.", "length", "model-2", 31, 7), (a.Text, a.FinishReason, a.Model, a.Usage.InputTokens, a.Usage.OutputTokens));
        Assert.Equal(("It is not.", "stop"), (b.Text, b.FinishReason));
        Assert.Equal(
            ["TEACHER_REFUSED_INPUT", "TEACHER_FAILED", "TEACHER_FAILED", "CONTENT_FILTERED", "BATCH_LINE_MISSING"],
            new[] { "c", "d", "e", "f", "g" }.Select(id => outcome.ResultOf(id).Failure!.Reason));
        Assert.Equal("The teacher's endpoint refuses this input (HTTP 400, context_length_exceeded).", outcome.ResultOf("c").Failure!.Message);
        Assert.Equal(StatusCode.Unavailable, outcome.ResultOf("g").Failure!.Code);
        Assert.All(endpoint.Requests, request => Assert.Equal($"Bearer {Key}", request.Authorization));
    }

    [Theory]
    [InlineData("failed", BatchEnd.Failed, "BATCH_FAILED", StatusCode.FailedPrecondition)]
    [InlineData("expired", BatchEnd.Expired, "BATCH_EXPIRED", StatusCode.Unavailable)]
    [InlineData("cancelled", BatchEnd.Cancelled, "BATCH_CANCELLED", StatusCode.Unavailable)]
    internal async Task Wait_BatchThatDidNotComplete_KeepsWhatWasAnsweredAndSaysWhyTheRestWasNot(string status, BatchEnd end, string reason, StatusCode code)
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("in_progress"), status == "failed" ? Look(status) : Look(status, "out", "err")];
        endpoint.Looks[^1]["errors"] = JsonNode.Parse("""{"data":[{"code":"Not a word: sk-1","message":"x"},{"code":"token_limit_exceeded","message":"secret"}]}""");
        endpoint.Files["out"] = Answer("a", "It is.");
        endpoint.Files["err"] = """{"id":"1","custom_id":"b","response":null,"error":{"code":"batch_expired","message":"x"}}""";
        using var client = Client(endpoint);

        var outcome = await client.WaitAsync("batch_1", CancellationToken.None);

        Assert.Equal((end, "token_limit_exceeded"), (outcome.End, outcome.Code));
        Assert.Equal((reason, code), (outcome.ResultOf("c").Failure!.Reason, outcome.ResultOf("c").Failure!.Code));
        Assert.Equal(end != BatchEnd.Failed ? "It is." : null, outcome.ResultOf("a").Answer?.Text);
        Assert.Equal(end != BatchEnd.Failed ? "BATCH_EXPIRED" : reason, outcome.ResultOf("b").Failure!.Reason);
    }

    [Fact]
    public async Task Wait_LinesThatCannotBeRead_AreCountedAndTheOthersAreThere()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("completed", "out")];
        string[] bad =
        [
            "{", "null", "[1]", "12", "\"custom_id\"", "{}", """{"custom_id":7}""", """{"custom_id":"x","response":{}}""", """{"custom_id":"x","response":{"status_code":200}}""",
            """{"custom_id":"x","response":{"status_code":200,"body":{"choices":[]}}}""", """{"custom_id":"x","response":{"status_code":200,"body":{"choices":[{"message":{"content":"y"}}]}}}""",
            Answer("x", "It is.")[..60], Answer("x", new string('y', 20_000)), "\ufffd\0",
        ];
        endpoint.Files["out"] = $"\n{Answer("a", "first")}\r\n \n{string.Join('\n', bad)}\n{Answer("b", "last")}\n{Answer("a", "once more")}";
        using var client = Client(endpoint, options => options with { MaxResponseBytes = 10_000 });

        var outcome = await client.WaitAsync("batch_1", CancellationToken.None);

        Assert.Equal(bad.Length, outcome.Unreadable);
        Assert.Equal(["a", "b"], outcome.Results.Keys.Order(StringComparer.Ordinal));
        Assert.Equal(("first", "last", "BATCH_LINE_MISSING"), (outcome.ResultOf("a").Answer!.Text, outcome.ResultOf("b").Answer!.Text, outcome.ResultOf("x").Failure!.Reason));
    }

    [Theory]
    [InlineData("\"31\"")]
    [InlineData("null")]
    [InlineData("3.5")]
    [InlineData("1e300")]
    public async Task Wait_AnswerWhoseTokensAreCountedWrong_IsThereAllTheSame(string count)
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("completed", "out")];
        endpoint.Files["out"] = Answer("a", "It is.").Replace("31", count, StringComparison.Ordinal);
        using var client = Client(endpoint);

        var answer = (await client.WaitAsync("batch_1", CancellationToken.None)).ResultOf("a").Answer!;

        Assert.Equal(("It is.", 0), (answer.Text, answer.Usage.InputTokens));
    }

    [Fact]
    public async Task Wait_AnswerWithLogProbabilities_HasThemWithTheWrittenTokenFirst()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("completed", "out")];
        var line = JsonNode.Parse(Answer("a", "no"))!;
        line["response"]!["body"]!["choices"]![0]!["logprobs"] = JsonNode.Parse("""{"content":[{"token":"no","logprob":-1.5,"top_logprobs":[{"token":"yes","logprob":-0.5},{"token":"no","logprob":-1.5}]}]}""");
        endpoint.Files["out"] = line.ToJsonString();
        using var client = Client(endpoint);

        var position = Assert.Single((await client.WaitAsync("batch_1", CancellationToken.None)).ResultOf("a").Answer!.Tokens);

        Assert.Equal([("no", -1.5), ("yes", -0.5)], position.Tokens.Select(token => (token.Token, token.LogProbability)));
    }

    [Fact]
    public async Task Wait_TokensThatArePartsOfACharacter_TogetherAreTheTextAndMissingOthersLoseNoAnswer()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("completed", "out")];
        var line = JsonNode.Parse(Answer("a", "é"))!;
        line["response"]!["body"]!["choices"]![0]!["logprobs"] = JsonNode.Parse("""{"content":[{"token":"\\xc3","bytes":[195],"logprob":-0.5},{"token":"\\xa9","bytes":[169],"logprob":null,"top_logprobs":[]}]}""");
        endpoint.Files["out"] = line.ToJsonString();
        using var client = Client(endpoint);

        var answer = (await client.WaitAsync("batch_1", CancellationToken.None)).ResultOf("a").Answer!;

        Assert.Equal([("", -0.5), ("é", -9999)], answer.Tokens.Select(position => (position.Tokens[0].Token, position.Tokens[0].LogProbability)));
    }

    [Fact]
    public async Task Wait_FileBeyondTheLimit_IsNotReadToItsEnd()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("completed", "out")];
        endpoint.Files["out"] = string.Join('\n', Enumerable.Range(0, 1000).Select(i => Answer($"{i}", "It is.")));
        using var client = new BatchClient(Options(endpoint), TimeProvider.System, () => 0) { FirstPoll = TimeSpan.FromMilliseconds(1), MaxFileBytes = 10_000 };

        var failure = await Assert.ThrowsAsync<TeacherRowException>(() => client.WaitAsync("batch_1", CancellationToken.None));

        Assert.Equal("TEACHER_ANSWER_TOO_LONG", failure.Reason);
    }

    [Fact]
    public async Task Wait_DownloadThatIsCut_IsMadeAgain()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("completed", "out")];
        endpoint.Files["out"] = $"{Answer("a", "It is.")}\n{Answer("b", "It is not.")}\n";
        var cuts = 2;
        endpoint.Before = async context =>
        {
            if (!context.Request.Path.Value!.EndsWith("/content", StringComparison.Ordinal) || cuts-- <= 0)
            {
                return false;
            }

            context.Response.ContentLength = 10_000;
            await context.Response.WriteAsync(Answer("a", "It is.") + "\n");
            await context.Response.Body.FlushAsync();
            context.Abort();
            return true;
        };
        using var client = Client(endpoint);

        var outcome = await client.WaitAsync("batch_1", CancellationToken.None);

        Assert.Equal((2, 0), (outcome.Results.Count, outcome.Unreadable));
    }

    [Fact]
    public async Task Wait_EndpointThatIsAwayForAWhile_GoesOnWaiting()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("in_progress"), Look("completed", "out")];
        endpoint.Files["out"] = Answer("a", "It is.");
        // More often than a call is tried.
        endpoint.Before = Fails("GET /v1/batches/batch_1", 503, times: 8);
        using var client = Client(endpoint);

        Assert.Equal("It is.", (await client.WaitAsync("batch_1", CancellationToken.None)).ResultOf("a").Answer!.Text);
    }

    [Fact]
    public async Task Wait_BatchThatTakesLong_IsLookedAtEverMoreRarely()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Add("batch_1", "job-1");
        endpoint.Looks = [Look("in_progress")];
        using var client = new BatchClient(Options(endpoint), TimeProvider.System, () => 0) { FirstPoll = TimeSpan.FromMilliseconds(10) };
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(2));

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => client.WaitAsync("batch_1", stop.Token));

        // 10 ms, 15, 22, ...: the twelfth wait ends after 2.6 s, the sixteenth after 13. Fewer come where the machine is slow.
        Assert.InRange(endpoint.Requests.Count, 0, 16);
    }

    [Theory]
    [InlineData("../files")]
    [InlineData("a/b")]
    [InlineData("")]
    public async Task Wait_IdThatIsNone_MakesNoCall(string id)
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        using var client = Client(endpoint);

        await Assert.ThrowsAsync<FormatException>(() => client.WaitAsync(id, CancellationToken.None));
        Assert.Empty(endpoint.Requests);
    }

    [Fact]
    public async Task Wait_BatchThatIsNotThere_Fails()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        using var client = Client(endpoint);

        Assert.Equal("TEACHER_NOT_THERE", (await Assert.ThrowsAsync<TeacherFailedException>(() => client.WaitAsync("batch_9", CancellationToken.None))).Reason);
    }

    [Fact]
    public async Task Cancel_Batch_AsksForIt()
    {
        await using var endpoint = await BatchEndpoint.StartAsync();
        using var client = Client(endpoint);

        await client.CancelAsync("batch_1", CancellationToken.None);

        Assert.Equal("POST /v1/batches/batch_1/cancel", Assert.Single(endpoint.Requests).Call);
    }

    private static BatchRequest Request(string id, string text = "Is it?") =>
        new(id, new JsonObject { ["model"] = "model-1", ["messages"] = new JsonArray(new JsonObject { ["role"] = "user", ["content"] = text }) });

    private static JsonObject Look(string status, string? output = null, string? errors = null) => new() { ["status"] = status, ["output_file_id"] = output, ["error_file_id"] = errors };

    private static string Answer(string id, string text, string finish = "stop") => new JsonObject
    {
        ["id"] = "batch_req_1",
        ["custom_id"] = id,
        ["response"] = new JsonObject
        {
            ["status_code"] = 200,
            ["body"] = new JsonObject
            {
                ["model"] = "model-2",
                ["choices"] = new JsonArray(new JsonObject { ["message"] = new JsonObject { ["role"] = "assistant", ["content"] = text }, ["finish_reason"] = finish }),
                ["usage"] = new JsonObject { ["prompt_tokens"] = 31, ["completion_tokens"] = 7 },
            },
        },
        ["error"] = null,
    }.ToJsonString();

    private static string Error(string id, int status, string code) =>
        $$$$"""{"custom_id":"{{{{id}}}}","response":{"status_code":{{{{status}}}},"body":{"error":{"message":"secret","code":"{{{{code}}}}"}}},"error":null}""";

    private static Func<HttpContext, Task<bool>> Fails(string call, int status, int times = int.MaxValue) => async context =>
    {
        if (!$"{context.Request.Method} {context.Request.Path}".StartsWith(call, StringComparison.Ordinal) || Interlocked.Decrement(ref times) < 0)
        {
            return false;
        }

        context.Response.StatusCode = status;
        await context.Response.Body.WriteAsync(Encoding.UTF8.GetBytes($$$"""{"error":{"message":"{{{Key}}}"}}"""));
        return true;
    };

    private static OpenAiOptions Options(BatchEndpoint endpoint) => OpenAiOptions.Of("gpt", new TeacherEntry
    {
        Endpoint = endpoint.Address,
        Model = "model-1",
        ApiKey = Key,
        RetryDelay = TimeSpan.FromMilliseconds(1),
        BreakDuration = TimeSpan.FromMilliseconds(500),
    });

    private static BatchClient Client(BatchEndpoint endpoint, Func<OpenAiOptions, OpenAiOptions>? change = null) =>
        new((change ?? (options => options))(Options(endpoint)), TimeProvider.System, () => 0) { FirstPoll = TimeSpan.FromMilliseconds(5), LongestPoll = TimeSpan.FromMilliseconds(20) };
}
