using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Tests.OpenAi;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests;

[Collection(PostgresServer.Collection)]
public sealed class KeptAnswersTests(PostgresServer server) : IDisposable
{
    // Every answer of the endpoint uses 31 tokens in and 7 out: 31 * 2 + 7 * 10 = 132 millionths.
    private const long Cost = 132_000;
    private static readonly Func<HttpContext, Task> Good = Says("stop", "It is so. ", "The answer is yes.");
    private readonly TestDatabases _databases = new(server);

    public void Dispose() => _databases.Dispose();

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Answer_AskedAgain_IsPaidForOnceAlsoAfterARestart(string database)
    {
        await using var endpoint = await StartAsync(Good);
        RationaleResult first, again;
        await using (var teacher = await Teacher(database, endpoint))
        {
            first = (await Ask(teacher, new RationaleSpec(), Row("a")))[0];
            again = (await Ask(teacher, new RationaleSpec(), Row("b")))[0];
        }

        await using var restarted = await Teacher(database, endpoint);
        var third = await restarted.Client.GenerateRationalesAsync(new RationaleSpec { StreamText = true }, new[] { Row("c") }.ToAsyncEnumerable()).ToListAsync();

        Assert.Single(endpoint.Requests);
        Assert.Equal((false, true, true), (first.Provenance.Kept, again.Provenance.Kept, third[^1].Result.Provenance.Kept));
        Assert.Equal("It is so. The answer is yes.", third[0].Delta.Text);
        foreach (var result in new[] { again, third[^1].Result })
        {
            Assert.Equal((first.Rationale, first.Label, first.RawText, first.Usage, first.Provenance.Model, first.Provenance.CreateTime),
                (result.Rationale, result.Label, result.RawText, result.Usage, result.Provenance.Model, result.Provenance.CreateTime));
        }

        Assert.Equal(Cost, Assert.Single(await restarted.Client.ListTeachersAsync()).SpentNanos);
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Answer_EqualInputsAtOnce_AreOnePaidCallAndSeparateResults(string database)
    {
        await using var endpoint = await StartAsync(async context =>
        {
            await Task.Delay(100);
            await Good(context);
        });
        await using var teacher = await Teacher(database, endpoint);

        var results = await Ask(teacher, new RationaleSpec(), [.. Enumerable.Range(0, 20).Select(i => Row($"{i}", i % 2 == 0 ? "Is it?" : "Is it not?"))]);

        Assert.Equal(2, endpoint.Requests.Count);
        Assert.Equal(20, results.Select(result => result.InputId).Distinct().Count());
        Assert.Equal(2, results.Count(result => !result.Provenance.Kept));
        Assert.All(results, result => Assert.Equal("yes", result.Label));
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Answer_EqualInputsWhoseCallFails_AreEachTriedAndNothingIsKept(string database)
    {
        await using var endpoint = await StartAsync(Refuses(400), Refuses(400), Good);
        await using var teacher = await Teacher(database, endpoint);

        var results = await Ask(teacher, new RationaleSpec(), Row("a"), Row("b"), Row("c"));

        Assert.Equal(["TEACHER_REFUSED_INPUT", "TEACHER_REFUSED_INPUT", "yes"], results.Select(result => result.Error?.Reason ?? result.Label).Order(StringComparer.Ordinal));
        Assert.Equal(Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Answer_AnythingElseAsked_IsAskedAnew(string database)
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(database, endpoint);
        RationaleSpec[] specs = [new(), new() { Temperature = 0.5 }, new() { MaxOutputTokens = 9 }, new() { Prompt = "prompts/choice" }];

        foreach (var spec in specs)
        {
            await Ask(teacher, spec, Row("a"));
        }

        await Ask(teacher, new RationaleSpec(), new Example { Id = "a", Segments = { "Is", "it?" } });
        Assert.Equal(5, endpoint.Requests.Count);
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Budget_OfACall_IsNeverPassedAndGoesOnWhenItIsRaised(string database)
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(database, endpoint);
        Example[] rows = [.. Enumerable.Range(0, 60).Select(i => Row($"{i}", $"Is it {i}?"))];

        var first = await Ask(teacher, new RationaleSpec { BudgetNanos = 30 * Cost }, rows);

        var answered = first.Count(result => result.Error is null);
        Assert.InRange(answered * Cost, Cost, 30 * Cost);
        Assert.All(first.Where(result => result.Error is not null), result => Assert.Equal("BUDGET_EXHAUSTED", result.Error.Reason));
        Assert.Equal(answered, endpoint.Requests.Count);

        var second = await Ask(teacher, new RationaleSpec(), rows);
        Assert.All(second, result => Assert.Equal("yes", result.Label));
        Assert.Equal(answered, second.Count(result => result.Provenance.Kept));
        Assert.Equal(60, endpoint.Requests.Count);
        Assert.Equal(60 * Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Budget_OfATeacher_HoldsOverRestarts(string database)
    {
        await using var endpoint = await StartAsync(Good);
        var asked = 0;
        foreach (var budget in new[] { 0.004m, 0.004m, 0.008m })
        {
            await using var teacher = await Teacher(database, endpoint, $"--Teachers:gpt:Budget={budget}");
            await Ask(teacher, new RationaleSpec(), [.. Enumerable.Range(0, 50).Select(_ => asked++).Select(i => Row($"{i}", $"Is it {i}?"))]);
            var listed = Assert.Single(await teacher.Client.ListTeachersAsync());
            Assert.Equal((endpoint.Requests.Count * Cost, (long)(budget * 1_000_000_000)), (listed.SpentNanos, listed.BudgetNanos));
            Assert.InRange(listed.SpentNanos, (listed.BudgetNanos / 2) + 1, listed.BudgetNanos);
        }
    }

    [Theory]
    [InlineData("chat", "")]
    [InlineData("chat", "0,0")]
    [InlineData("chat", "-1,7")]
    [InlineData("chat", "31,-7")]
    [InlineData("chat", "200000000,7")]
    [InlineData("completions", "")]
    [InlineData("completions", "31,0")]
    [InlineData("completions", "1e300,7")]
    public async Task Budget_EndpointThatDoesNotCountTokens_HoldsByAnEstimate(string api, string counts)
    {
        var usage = counts.Length == 0 ? "" : $"data: {Counts(counts.Split(','))}\n\n";
        var said = api == "chat"
            ? $"data: {Piece("It is so. The answer is yes.")}\n\ndata: {Chunk("{}", "stop")}\n\n"
            : "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"text\":\"It is so. The answer is yes.\",\"finish_reason\":\"stop\"}]}\n\n";
        await using var endpoint = await StartAsync(Sends($"{said}{usage}data: [DONE]\n\n"));
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint, "--Teachers:gpt:Budget=0.01", $"--Teachers:gpt:Api={api}");

        var results = await Ask(teacher, new RationaleSpec(), [.. Enumerable.Range(0, 60).Select(i => Row($"{i}", $"Is it {i}?"))]);

        var answered = results.Where(result => result.Error is null).ToList();
        Assert.InRange(answered.Count, 1, 59);
        Assert.Equal(answered.Count, endpoint.Requests.Count);
        Assert.All(answered, result => Assert.True(result.Usage is { Estimated: true, InputTokens: > 31, OutputTokens: 14, CostNanos: > 0 }, $"{result.Usage}"));
        var listed = Assert.Single(await teacher.Client.ListTeachersAsync());
        Assert.Equal(answered.Sum(result => result.Usage.CostNanos), listed.SpentNanos);
        Assert.InRange(listed.SpentNanos, 1, listed.BudgetNanos);
        Assert.True((await Ask(teacher, new RationaleSpec(), Row("again", answered[0].InputId is var id ? $"Is it {id}?" : "")))[0].Usage.Estimated);
    }

    [Fact]
    public async Task Spent_AnswerThatIsCutAndNotCounted_CountsWithAllTokensThatItCouldHave()
    {
        await using var endpoint = await StartAsync(Sends($"data: {Piece("Hm.")}\n\ndata: {Chunk("{}", "length")}\n\ndata: [DONE]\n\n"));
        await using var teacher = await Teacher(OnDatabaseAttribute.Sqlite, endpoint);

        Assert.Equal(20, (await Ask(teacher, new RationaleSpec(), Row("a")))[0].Usage.OutputTokens);
    }

    [Fact]
    public void Price_OfMoreThanCanBe_DoesNotOverflow()
    {
        var most = new Price(long.MaxValue, long.MaxValue).Of(new Usage { InputTokens = long.MaxValue, OutputTokens = long.MaxValue });

        Assert.InRange(most, 1_000_000_000_000_000, long.MaxValue / 1000);
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task ListAccounts_PageByPage_GivesEachOnceWithWhatItsAnswersUsed(string database)
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(database, endpoint, "--Teachers:free:Backend=openai", $"--Teachers:free:Endpoint={endpoint.Address}", "--Teachers:free:Model=model-2");
        await Ask(teacher, new RationaleSpec { Teacher = "teachers/gpt" }, Row("a"), Row("b", "Is it not?"), Row("c"));
        await Ask(teacher, new RationaleSpec { Teacher = "teachers/free" }, Row("a"));
        var client = new TeacherService.TeacherServiceClient(teacher.Channel);

        var first = await client.ListAccountsAsync(new ListAccountsRequest { PageSize = 1 });
        var second = await client.ListAccountsAsync(new ListAccountsRequest { PageSize = 1, PageToken = first.NextPageToken });
        var all = await client.ListAccountsAsync(new ListAccountsRequest { PageSize = 5000 });

        Assert.Equal(("", ""), (second.NextPageToken, all.NextPageToken));
        Assert.Equal(all.Accounts, [.. first.Accounts, .. second.Accounts]);
        Assert.Equal(
            [
                new Account { Name = "teachers/free", Answers = 1, Usage = new Usage { InputTokens = 31, OutputTokens = 7 } },
                new Account { Name = "teachers/gpt", Answers = 2, Usage = new Usage { InputTokens = 62, OutputTokens = 14, CostNanos = 2 * Cost } },
            ],
            all.Accounts);
        Assert.Equal(StatusCode.InvalidArgument, (await Assert.ThrowsAsync<RpcException>(async () => await client.ListAccountsAsync(new ListAccountsRequest { PageSize = -1 }))).StatusCode);
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite, "refused", 0)]
    [OnDatabase(OnDatabaseAttribute.Sqlite, "cut", 1)]
    [OnDatabase(OnDatabaseAttribute.Postgres, "refused", 0)]
    [OnDatabase(OnDatabaseAttribute.Postgres, "cut", 1)]
    public async Task Spent_CallThatFailed_CountsWhatMayHaveBeenBilled(string database, string how, int least)
    {
        await using var endpoint = await StartAsync(how == "refused" ? Refuses(503) : Sends($"data: {Piece("It may be ")}\n\n"));
        await using var teacher = await Teacher(database, endpoint, "--Teachers:gpt:Retries=0");

        await Ask(teacher, new RationaleSpec(), Row("a"));

        var spent = Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos;
        Assert.True(least == 0 ? spent == 0 : spent > 0, $"{spent}");
    }

    [Fact]
    public async Task State_DatabaseThatIsNone_KeepsTheTeacherFromStarting()
    {
        await File.WriteAllTextAsync(Path.Combine(_databases.Folder, "teacher.db"), new string('x', 5000));
        await using var endpoint = await StartAsync(Good);

        var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => Teacher(OnDatabaseAttribute.Sqlite, endpoint));
        Assert.Contains("teacher.db", refused.Message, StringComparison.Ordinal);
    }

    private static string Counts(string[] counts) =>
        $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[],"usage":{"prompt_tokens":{{{counts[0]}}},"completion_tokens":{{{counts[1]}}},"total_tokens":38}}""";

    private async Task<RunningTeacher> Teacher(string database, ScriptedEndpoint endpoint, params string[] settings) => await RunningTeacher.StartAsync([
        .. await _databases.SettingsAsync(database), "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=model-1",
        "--Teachers:gpt:MaxOutputTokens=20", "--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10", "--Teachers:gpt:RetryDelay=00:00:00.001", .. settings]);

    private static Example Row(string id, string text = "Is it?") => new() { Id = id, Segments = { text } };

    private static async Task<List<RationaleResult>> Ask(RunningTeacher teacher, RationaleSpec spec, params Example[] rows) =>
        await teacher.Client.GenerateRationalesAsync(spec, rows.ToAsyncEnumerable()).Select(response => response.Result).ToListAsync();
}
