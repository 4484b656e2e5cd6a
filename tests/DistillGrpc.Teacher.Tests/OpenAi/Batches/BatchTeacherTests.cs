using System.Collections.Concurrent;
using System.Text.Json;
using System.Text.Json.Nodes;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.Extractions;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Teacher.Tests.OpenAi.Batches;

[Collection(PostgresServer.Collection)]
public sealed class BatchTeacherTests(PostgresServer server) : IDisposable
{
    // Every answer uses 31 tokens in and 7 out, at half the price: (31 * 2 + 7 * 10) / 2 = 66 millionths.
    private const long Cost = 66_000;
    private readonly TestDatabases _databases = new(server);

    public void Dispose() => _databases.Dispose();

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Extraction_FiftyQuestions_AreOneBatchAtHalfThePrice(string database)
    {
        await using var endpoint = await Endpoint();
        await using var teacher = await Teacher(database, endpoint, [.. Full(50), "--MaxInputsInFlight=4"]);
        var jobs = new Jobs(teacher);

        var estimate = await jobs.EstimateAsync(new RationaleSpec(), Questions(50));
        var done = await RunAsync(jobs, 50);

        Assert.Equal((50, 0), (done.Counts.Accepted, done.Counts.Rejected));
        Assert.Equal(50 * Cost, done.Usage.CostNanos);
        Assert.Equal(0, estimate.AtMost.CostNanos % 50);
        Assert.Single(endpoint.Batches);
        Assert.Equal(51, Assert.Single(endpoint.Uploads).Lines.Length);
        Assert.Equal(50 * Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
        Assert.Equal(0, await MappedAsync(database));
        Assert.Equal((50, 50), await KeptAsync(jobs, "again", 50));
        Assert.Single(endpoint.Batches);
    }

    [Fact]
    public async Task Extraction_MoreQuestionsThanABatchHolds_AreSeveral()
    {
        await using var endpoint = await Endpoint();
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, "--Teachers:gpt:BatchSize=25", "--Teachers:gpt:BatchWait=00:10:00");

        Assert.Equal(50, (await RunAsync(new Jobs(teacher), 50)).Counts.Accepted);

        Assert.Equal([25, 25], endpoint.Uploads.Select(upload => upload.Lines.Length - 1));
    }

    [Fact]
    public async Task Generate_StreamedText_IsTheWholeAnswerAtOnce()
    {
        await using var endpoint = await Endpoint();
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, Full(2));

        var responses = await teacher.Client.GenerateRationalesAsync(new RationaleSpec { StreamText = true }, Questions(2).ToAsyncEnumerable()).ToListAsync();

        Assert.Equal(2, responses.Count(response => response.Delta is { Text: "It is so. The answer is yes.", Restart: false }));
        Assert.Equal(2, responses.Count(response => response.Result is { Label: "yes", Provenance.Kept: false }));
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Restart_WhileABatchIsUnderWay_WaitsForThatBatch(string database)
    {
        var status = "in_progress";
        await using var endpoint = await Endpoint();
        endpoint.Status = _ => Volatile.Read(ref status);
        await using (var teacher = await Teacher(database, endpoint, [.. Full(20), "--StopGrace=00:00:00.1"]))
        {
            var jobs = new Jobs(teacher);
            await jobs.CreateAsync("a", new RationaleSpec());
            await jobs.AppendAsync("a", Questions(20));
            await WaitAsync(() => endpoint.Requests.Any(request => request.Call == "GET /v1/batches/batch_1"));
        }

        Assert.Equal(20, await MappedAsync(database));
        status = "completed";
        await using var restarted = await Teacher(database, endpoint, Full(20));
        var done = await new Jobs(restarted).StateAsync("a", ExtractionState.Succeeded);

        Assert.Equal((20, 0), (done.Counts.Accepted, done.Counts.Rejected));
        Assert.Single(endpoint.Batches);
        Assert.Equal(0, await MappedAsync(database));
        // What the first had reserved counts as spent too.
        Assert.True(Assert.Single(await restarted.Client.ListTeachersAsync()).SpentNanos > 20 * Cost);
    }

    [Fact]
    public async Task Restart_AfterACrashBeforeTheBatchsIdWasWritten_FindsItByItsKey()
    {
        await using var endpoint = await Endpoint();
        await LeaveAsync(endpoint);
        await ExecuteAsync("UPDATE batched SET id = '', owner = 'dead'");

        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, Full(3));
        Assert.All(await AskAsync(teacher, 3), result => Assert.Equal("yes", result.Label));

        Assert.Single(endpoint.Batches);
    }

    [Fact]
    public async Task Restart_AfterACrashBeforeTheSubmission_AsksInANewBatch()
    {
        await using var endpoint = await Endpoint();
        await LeaveAsync(endpoint);
        await ExecuteAsync("UPDATE batched SET id = '', owner = 'dead', batch = 'distill-never'");

        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, Full(3));
        Assert.All(await AskAsync(teacher, 3), result => Assert.Equal("yes", result.Label));

        Assert.Equal(2, endpoint.Batches.Count);
        Assert.Equal(0, await MappedAsync(OnDatabaseAttribute.Sqlite));
    }

    [Fact]
    public async Task Submission_ThatFails_CostsNothingAndIsMadeWhenItIsAskedAgain()
    {
        await using var endpoint = await Endpoint();
        var isDown = true;
        endpoint.Before = context =>
        {
            var fails = Volatile.Read(ref isDown) && context.Request.Method == "POST" && context.Request.Path == "/v1/batches";
            context.Response.StatusCode = fails ? 503 : 200;
            return Task.FromResult(fails);
        };
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, [.. Full(3), "--Teachers:gpt:Retries=1"]);

        Assert.All(await AskAsync(teacher, 3), result => Assert.Equal("TEACHER_FAILED", result.Error.Reason));
        Assert.Equal((0, 3), (Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos, await MappedAsync(OnDatabaseAttribute.Sqlite)));

        isDown = false;
        Assert.All(await AskAsync(teacher, 3), result => Assert.Equal("yes", result.Label));
        Assert.Single(endpoint.Batches);
        Assert.Equal(3 * Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
    }

    [Fact]
    public async Task Endpoint_AwayWhenABatchIsLookedFor_KeepsTheQuestionInItAndCostsNothingMore()
    {
        await using var endpoint = await Endpoint();
        await LeaveAsync(endpoint);
        await ExecuteAsync("UPDATE batched SET id = ''");
        var status = 401;
        endpoint.Before = context =>
        {
            context.Response.StatusCode = Volatile.Read(ref status);
            return Task.FromResult(context.Response.StatusCode != 200);
        };
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, Full(3));
        var spent = Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos;

        await Assert.ThrowsAsync<Grpc.Core.RpcException>(() => AskAsync(teacher, 3));
        await WaitAsync(async () => Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos == spent);
        Assert.Equal(3, await MappedAsync(OnDatabaseAttribute.Sqlite));

        status = 200;
        Assert.All(await AskAsync(teacher, 3), result => Assert.Equal("yes", result.Label));
        Assert.Single(endpoint.Batches);
        Assert.Equal(spent + (3 * Cost), Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
    }

    [Fact]
    public async Task Submission_Refused_IsNoInputsFault()
    {
        await using var endpoint = await Endpoint();
        endpoint.Before = context =>
        {
            context.Response.StatusCode = context.Request.Method == "POST" ? 400 : 200;
            return Task.FromResult(context.Request.Method == "POST");
        };
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, Full(3));
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(3));

        var failed = await jobs.StateAsync("a", ExtractionState.Failed);

        Assert.Equal(("BATCH_REFUSED", 0, 0L), (failed.Reason, failed.Counts.Rejected, failed.Usage?.CostNanos ?? 0));
    }

    [Theory]
    [InlineData("failed")]
    [InlineData("expired")]
    [InlineData("cancelled")]
    public async Task Batch_ThatDidNotComplete_IsAskedAgainUnderANewKey(string status)
    {
        await using var endpoint = await Endpoint();
        endpoint.Answers = line => endpoint.Uploads.Count > 1 || (status != "failed" && Asked(line).Contains("Is it 0?", StringComparison.Ordinal)) ? BatchEndpoint.Yes(line) : null;
        endpoint.Status = number => number == 1 ? status : "completed";
        // The second batch of the others has two.
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, status == "failed" ? Full(3) : ["--Teachers:gpt:BatchSize=3", "--Teachers:gpt:BatchWait=00:00:03"]);

        var results = await AskAsync(teacher, 3);

        Assert.All(results, result => Assert.Equal("yes", result.Label));
        Assert.Equal([3, status == "failed" ? 3 : 2], endpoint.Uploads.Select(upload => upload.Lines.Length - 1));
        Assert.Equal(2, endpoint.Batches.Select(batch => (string)batch["metadata"]!["distill_key"]!).Distinct().Count());
        Assert.Equal(3 * Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
    }

    [Fact]
    public async Task Batch_ThatNeverCompletes_IsGivenUpAfterTheRetries()
    {
        await using var endpoint = await Endpoint();
        endpoint.Status = _ => "failed";
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, [.. Full(2), "--Teachers:gpt:Retries=2"]);

        Assert.All(await AskAsync(teacher, 2), result => Assert.Equal(((int)Grpc.Core.StatusCode.Unavailable, "BATCH_FAILED"), (result.Error.Code, result.Error.Reason)));

        Assert.InRange(endpoint.Batches.Count, 3, 6);
        Assert.Equal((0, 0), (Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos, await MappedAsync(OnDatabaseAttribute.Sqlite)));
    }

    [Fact]
    public async Task Batch_LinesThatAreMissingOrRefused_AreAskedAgainOrFail()
    {
        await using var endpoint = await Endpoint();
        endpoint.Answers = line => Asked(line) switch
        {
            var text when text.Contains("Is it 0?", StringComparison.Ordinal) => $$$$"""{"custom_id":"{{{{line["custom_id"]}}}}","response":{"status_code":400,"body":{"error":{"code":"context_length_exceeded"}}},"error":null}""",
            var text when text.Contains("Is it 1?", StringComparison.Ordinal) && endpoint.Uploads.Count == 1 => null,
            _ => BatchEndpoint.Yes(line),
        };
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, "--Teachers:gpt:BatchSize=3", "--Teachers:gpt:BatchWait=00:00:03");

        var results = (await AskAsync(teacher, 3)).OrderBy(result => result.InputId, StringComparer.Ordinal);

        Assert.Equal(["TEACHER_REFUSED_INPUT", "yes", "yes"], results.Select(result => result.Error?.Reason ?? result.Label));
        Assert.Equal([3, 1], endpoint.Uploads.Select(upload => upload.Lines.Length - 1));
        // The line that was missing may have been one of an answer, and counts with all that it could cost.
        Assert.True(Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos > 2 * Cost);
        Assert.Equal(0, await MappedAsync(OnDatabaseAttribute.Sqlite));
    }

    [Fact]
    public async Task Batch_ThatTakesTooLong_FailsTheRowsAndIsWaitedForOnceMore()
    {
        var status = "in_progress";
        await using var endpoint = await Endpoint();
        endpoint.Status = _ => Volatile.Read(ref status);
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, [.. Full(2), "--Teachers:gpt:BatchTimeout=00:00:03"]);

        Assert.All(await AskAsync(teacher, 2), result => Assert.Equal(((int)Grpc.Core.StatusCode.Unavailable, "BATCH_TIMEOUT"), (result.Error.Code, result.Error.Reason)));
        status = "completed";
        await WaitAsync(() => endpoint.Requests.Any(request => request.Call.EndsWith("/content", StringComparison.Ordinal)));

        Assert.All(await AskAsync(teacher, 2), result => Assert.Equal("yes", result.Label));
        Assert.Single(endpoint.Batches);
    }

    [Fact]
    public async Task Batch_ThatTheEndpointForgot_IsAskedAgainOnce()
    {
        await using var endpoint = await Endpoint();
        await LeaveAsync(endpoint);
        await ExecuteAsync("UPDATE batched SET id = 'batch_77', batch = 'distill-gone'");

        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, Full(3));
        Assert.All(await AskAsync(teacher, 3), result => Assert.Equal("yes", result.Label));

        Assert.Equal(2, endpoint.Batches.Count);
    }

    [Fact]
    public async Task Cancel_WhileCollecting_CostsNothingAndAsksNothing()
    {
        await using var endpoint = await Endpoint();
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, "--Teachers:gpt:BatchWait=00:10:00");
        using var stop = new CancellationTokenSource(TimeSpan.FromSeconds(1));

        await Assert.ThrowsAnyAsync<Exception>(() => AskAsync(teacher, 3, stop.Token));
        await WaitAsync(async () => Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos == 0);

        Assert.Empty(endpoint.Uploads);
    }

    [PostgresFact]
    public async Task Replica_ThatTakesADeadOnesQuestionsOver_WaitsForItsBatch()
    {
        var status = "in_progress";
        await using var endpoint = await Endpoint();
        endpoint.Status = _ => Volatile.Read(ref status);
        await using var second = await Teacher(OnDatabaseAttribute.Postgres, endpoint, Full(3));
        await using (var first = await Teacher(OnDatabaseAttribute.Postgres, endpoint, Full(3)))
        {
            using var stop = new CancellationTokenSource();
            var asked = AskAsync(first, 3, stop.Token);
            await WaitAsync(() => endpoint.Requests.Any(request => request.Call == "GET /v1/batches/batch_1"));
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => asked);
        }

        status = "completed";
        Assert.All(await AskAsync(second, 3), result => Assert.Equal("yes", result.Label));
        Assert.Single(endpoint.Batches);
    }

    [PostgresFact]
    public async Task Replica_WhoseBatchIsStillBeingSubmitted_IsWaitedForByTheOther()
    {
        await using var endpoint = await Endpoint();
        var (uploading, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        endpoint.Before = async context =>
        {
            if (context.Request.Path == "/v1/files")
            {
                uploading.TrySetResult();
                await go.Task;
            }

            return false;
        };
        await using var first = await Teacher(OnDatabaseAttribute.Postgres, endpoint, Full(3));
        await using var second = await Teacher(OnDatabaseAttribute.Postgres, endpoint, Full(3));
        using var stop = new CancellationTokenSource();
        var left = AskAsync(first, 3, stop.Token);
        await uploading.Task;
        await stop.CancelAsync();
        await Assert.ThrowsAnyAsync<Exception>(() => left);

        // The caller has gone, the questions are free, and their batch is not there yet.
        var asked = AskAsync(second, 3);
        var looks = endpoint.Requests.Count;
        await WaitAsync(() => endpoint.Requests.Count > looks);
        go.SetResult();

        Assert.All(await asked, result => Assert.Equal("yes", result.Label));
        Assert.Single(endpoint.Batches);
        Assert.Single(endpoint.Uploads);
    }

    [Theory]
    [InlineData("classification", 0, "")]
    [InlineData("classification", 3, "max_tokens")]
    public async Task Body_OfABatch_IsTheStreamedOne(string answers, int topLogProbabilities, string field)
    {
        using var prompts = new TemporaryFolder();
        await File.WriteAllTextAsync(Path.Combine(prompts.Path, "p.yaml"), $"answers: {answers}\nlabels: [no, yes]\nstructured: true\nsystem: Say \u00fc.\nexemplars:\n- segments: [\"Is \\\"it\\\"?\"]\n  rationale: It is.\n  label: yes\n");
        await using var batches = await Endpoint();
        await using var streams = await ScriptedEndpoint.StartAsync(ScriptedEndpoint.Says("stop", "{}"));
        string[] settings = [.. Full(1), $"--PromptDirectory={prompts.Path}", "--Teachers:gpt:Prompt=p", .. field.Length > 0 ? [$"--Teachers:gpt:TokenLimitField={field}"] : Array.Empty<string>()];
        var spec = new RationaleSpec { Temperature = 0.7f, TopLogProbabilities = topLogProbabilities };
        await using (var batched = await Teacher(OnDatabaseAttribute.Sqlite, batches, settings))
        {
            await batched.Client.GenerateRationalesAsync(spec, Questions(1).ToAsyncEnumerable()).ToListAsync();
        }

        await ExecuteAsync("DELETE FROM answers");
        await using var streamed = await Teacher(OnDatabaseAttribute.Sqlite, batches, [.. settings, "--Teachers:gpt:Batch=false", $"--Teachers:gpt:Endpoint={streams.Address}"]);
        await streamed.Client.GenerateRationalesAsync(spec, Questions(1).ToAsyncEnumerable()).ToListAsync();

        var expected = JsonNode.Parse(Assert.Single(streams.Requests).Body.GetRawText())!.AsObject();
        expected.Remove("stream");
        expected.Remove("stream_options");
        var actual = JsonNode.Parse(Assert.Single(batches.Uploads).Lines[0])!["body"]!;
        Assert.True(JsonNode.DeepEquals(Plain(expected), Plain(actual)), $"{expected}\n{actual}");
    }

    [Theory]
    [InlineData("--Teachers:gpt:Api=completions", "Teachers:gpt:Batch")]
    [InlineData("--Teachers:gpt:HedgeAfter=00:00:01", "Teachers:gpt:HedgeAfter")]
    [InlineData("--Teachers:gpt:BatchSize=0", "Teachers:gpt:BatchSize")]
    [InlineData("--Teachers:gpt:BatchSize=50001", "Teachers:gpt:BatchSize")]
    [InlineData("--Teachers:gpt:BatchWait=-00:00:01", "Teachers:gpt:BatchWait")]
    [InlineData("--Teachers:gpt:BatchTimeout=0", "Teachers:gpt:BatchTimeout")]
    [InlineData("--Teachers:gpt:BatchPriceFactor=0", "Teachers:gpt:BatchPriceFactor")]
    [InlineData("--Teachers:gpt:BatchPriceFactor=1.5", "Teachers:gpt:BatchPriceFactor")]
    public void Create_BadSetting_NamesIt(string setting, string named)
    {
        var refused = Assert.Throws<InvalidOperationException>(() => TeacherHost.Create([
            $"--StateDirectory={_databases.Folder}", "--Teachers:gpt:Backend=openai", "--Teachers:gpt:Endpoint=http://127.0.0.1:9/v1", "--Teachers:gpt:Model=m", "--Teachers:gpt:Batch=true", setting]));

        Assert.StartsWith(named, refused.Message, StringComparison.Ordinal);
    }

    // A batch that is under way, and whose askers have gone: three questions are in it.
    private async Task LeaveAsync(BatchEndpoint endpoint)
    {
        var status = endpoint.Status;
        endpoint.Status = _ => "in_progress";
        await using (var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, Full(3)))
        {
            using var stop = new CancellationTokenSource();
            var asked = AskAsync(teacher, 3, stop.Token);
            await WaitAsync(() => endpoint.Requests.Any(request => request.Call == "GET /v1/batches/batch_1"));
            await stop.CancelAsync();
            await Assert.ThrowsAnyAsync<Exception>(() => asked);
        }

        Assert.Equal(3, await MappedAsync(OnDatabaseAttribute.Sqlite));
        endpoint.Status = status;
    }

    private async Task<Extraction> RunAsync(Jobs jobs, int count, string id = "a")
    {
        await jobs.CreateAsync(id, new RationaleSpec());
        await jobs.AppendAsync(id, Questions(count));
        return await jobs.StateAsync(id, ExtractionState.Succeeded);
    }

    private async Task<(int Rows, int Kept)> KeptAsync(Jobs jobs, string id, int count)
    {
        await RunAsync(jobs, count, id);
        var rows = (await jobs.WatchAsync(id)).Where(e => e.Row is not null).ToArray();
        return (rows.Length, rows.Count(e => e.Row.Result.Provenance.Kept));
    }

    private async Task<long> MappedAsync(string database)
    {
        const string Count = "SELECT COUNT(*) FROM batched";
        if (database == OnDatabaseAttribute.Postgres)
        {
            return long.Parse(await server.QueryAsync(await _databases.PostgresAsync(), Count));
        }

        await using var connection = Open();
        await using var command = connection.CreateCommand();
        command.CommandText = Count;
        return (long)(await command.ExecuteScalarAsync())!;
    }

    private async Task ExecuteAsync(string sql)
    {
        await using var connection = Open();
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync();
    }

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection($"Data Source={Path.Combine(_databases.Folder, "teacher.db")};Pooling=false");
        connection.Open();
        return connection;
    }

    private async Task<RunningTeacher> Teacher(string database, BatchEndpoint endpoint, params string[] settings) => await RunningTeacher.StartAsync([
        .. await _databases.SettingsAsync(database), "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=model-1", "--Teachers:gpt:MaxOutputTokens=20",
        "--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10", "--Teachers:gpt:RetryDelay=00:00:00.001", "--Teachers:gpt:Batch=true", "--Teachers:gpt:BatchWait=00:00:00.5", .. settings]);

    // A batch goes when it is full, and not when the last of its questions seems to be long ago.
    private static string[] Full(int size) => [$"--Teachers:gpt:BatchSize={size}", "--Teachers:gpt:BatchWait=00:05:00"];

    private static async Task<BatchEndpoint> Endpoint()
    {
        var endpoint = await BatchEndpoint.StartAsync();
        endpoint.Answers = BatchEndpoint.Yes;
        return endpoint;
    }

    private static string Asked(JsonNode line) => (string)line["body"]!["messages"]!.AsArray()[^1]!["content"]!;

    // A text may be written as itself or as a list of one part.
    private static JsonNode Plain(JsonNode body)
    {
        foreach (var message in body["messages"]!.AsArray())
        {
            if (message!["content"] is JsonArray { Count: 1 } parts)
            {
                message["content"] = parts[0]!["text"]!.DeepClone();
            }
        }

        return body;
    }

    private static IEnumerable<Example> Questions(int count) => Enumerable.Range(0, count).Select(i => new Example { Id = $"{i}", Segments = { $"Is it {i}?" } });

    private static async Task<List<RationaleResult>> AskAsync(RunningTeacher teacher, int count, CancellationToken cancellationToken = default) =>
        await teacher.Client.GenerateRationalesAsync(new RationaleSpec(), Questions(count).ToAsyncEnumerable(), cancellationToken).Select(response => response.Result).ToListAsync(cancellationToken);

    private static Task WaitAsync(Func<bool> condition) => WaitAsync(() => Task.FromResult(condition()));

    private static async Task WaitAsync(Func<Task<bool>> condition)
    {
        for (var i = 0; i < 1500; i++)
        {
            if (await condition())
            {
                return;
            }

            await Task.Delay(20);
        }

        throw new TimeoutException();
    }
}
