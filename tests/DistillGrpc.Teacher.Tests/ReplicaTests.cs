using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi;
using Grpc.Core;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests;

/// <summary>Several Teachers on one PostgreSQL.</summary>
[Collection(PostgresServer.Collection)]
public sealed class ReplicaTests(PostgresServer server) : IDisposable
{
    // Every answer of the endpoint uses 31 tokens in and 7 out: 31 * 2 + 7 * 10 = 132 millionths.
    private const long Cost = 132_000;
    private static readonly string[] Prices = ["--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10"];
    private readonly TestDatabases _databases = new(server);

    public void Dispose() => _databases.Dispose();

    [PostgresFact]
    public async Task Answer_EqualInputsAtTwoTeachersAtOnce_AreOnePaidCall()
    {
        await using var endpoint = await StartAsync(async context =>
        {
            await Task.Delay(300);
            await Says("stop", "It is so. ", "The answer is yes.")(context);
        });
        await using var first = await Teacher(endpoint, Prices);
        await using var second = await Teacher(endpoint, Prices);
        Example[] rows = [.. Enumerable.Range(0, 20).Select(i => Row(i))];

        var results = await Task.WhenAll(Ask(first, new RationaleSpec(), rows), Ask(second, new RationaleSpec(), rows));

        Assert.Equal(20, endpoint.Requests.Count);
        Assert.All(results.SelectMany(result => result), result => Assert.Equal("yes", result.Label));
        Assert.Equal(20, results.SelectMany(result => result).Count(result => result.Provenance.Kept));
        foreach (var teacher in new[] { first, second })
        {
            Assert.Equal(20 * Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
        }
    }

    [PostgresFact]
    public async Task Answer_EqualInputsAtTwoFreeTeachers_AreOneCallAlsoWhereTheFirstFails()
    {
        var calls = 0;
        await using var endpoint = await StartAsync(async context =>
        {
            await Task.Delay(200);
            await (Interlocked.Increment(ref calls) == 1 ? Refuses(400) : Says("stop", "It is so. The answer is yes."))(context);
        });
        await using var first = await Teacher(endpoint, []);
        await using var second = await Teacher(endpoint, []);

        var results = await Task.WhenAll(Ask(first, new RationaleSpec(), Row(0)), Ask(second, new RationaleSpec(), Row(0)));

        Assert.Equal(2, endpoint.Requests.Count);
        Assert.Equal(["TEACHER_REFUSED_INPUT", "yes"], results.Select(result => result[0].Error?.Reason ?? result[0].Label).Order(StringComparer.Ordinal));
        Assert.Equal("0", await server.QueryAsync(await _databases.PostgresAsync(), "SELECT COUNT(*) FROM asking"));
    }

    [PostgresFact]
    public async Task Answer_OneOfTwoHedgedCallsFails_TheQuestionIsStillOnlyThatTeachers()
    {
        var (both, mayAnswer, calls) = (new TaskCompletionSource(), new TaskCompletionSource(), 0);
        await using var endpoint = await StartAsync(async context =>
        {
            if (Interlocked.Increment(ref calls) == 1)
            {
                await both.Task;
                await Refuses(400)(context);
                return;
            }

            both.TrySetResult();
            await mayAnswer.Task;
            await Says("stop", "It is so. The answer is yes.")(context);
        });
        await using var first = await Teacher(endpoint, Prices, "--Teachers:gpt:HedgeAfter=00:00:00.050");
        await using var second = await Teacher(endpoint, Prices);

        var asked = Ask(first, new RationaleSpec(), Row(0));
        await both.Task;
        await Task.Delay(500);
        var askedAgain = Ask(second, new RationaleSpec(), Row(0));
        await Task.Delay(500);
        mayAnswer.SetResult();

        Assert.All(await Task.WhenAll(asked, askedAgain), results => Assert.Equal("yes", Assert.Single(results).Label));
        Assert.Equal(2, endpoint.Requests.Count);
        Assert.Equal("0", await server.QueryAsync(await _databases.PostgresAsync(), "SELECT COUNT(*) FROM asking"));
    }

    [PostgresFact]
    public async Task Budget_OfATeacher_HoldsOverTwoTeachers()
    {
        await using var endpoint = await StartAsync(Says("stop", "It is so. ", "The answer is yes."));
        await using var first = await Teacher(endpoint, Prices, "--Teachers:gpt:Budget=0.006");
        await using var second = await Teacher(endpoint, Prices, "--Teachers:gpt:Budget=0.006");

        var results = (await Task.WhenAll(
            Ask(first, new RationaleSpec(), [.. Enumerable.Range(0, 60).Select(i => Row(i))]),
            Ask(second, new RationaleSpec(), [.. Enumerable.Range(60, 60).Select(i => Row(i))]))).SelectMany(result => result).ToList();

        var listed = Assert.Single(await first.Client.ListTeachersAsync());
        Assert.Equal(endpoint.Requests.Count * Cost, listed.SpentNanos);
        Assert.InRange(listed.SpentNanos, (listed.BudgetNanos / 2) + 1, listed.BudgetNanos);
        Assert.Equal(endpoint.Requests.Count, results.Count(result => result.Error is null));
        Assert.All(results.Where(result => result.Error is not null), result => Assert.Equal("TEACHER_BUDGET_EXHAUSTED", result.Error.Reason));
    }

    [PostgresFact]
    public async Task Database_RestartedUnderATeacher_IsUsedAgainAndRowsSayThatItWasAway()
    {
        await using var endpoint = await StartAsync(Says("stop", "It is so. ", "The answer is yes."));
        await using var teacher = await Teacher(endpoint, Prices);
        await Ask(teacher, new RationaleSpec(), Row(0));

        foreach (var how in new[] { "fast", "immediate" })
        {
            await server.StopAsync(how);
            try
            {
                var down = await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, new RationaleSpec(), Row(1)));
                Assert.Equal((StatusCode.Unavailable, "STATE_FAILED"), (down.StatusCode, Client.RpcErrors.Reason(down)));
            }
            finally
            {
                await server.StartAsync();
            }

            var results = await Ask(teacher, new RationaleSpec(), Row(0), Row(how.Length));
            Assert.All(results, result => Assert.Equal("yes", result.Label));
        }

        Assert.Equal(3, endpoint.Requests.Count);
        Assert.Equal(3 * Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
        Assert.DoesNotContain(PostgresServer.Password, teacher.Log, StringComparison.Ordinal);
    }

    [PostgresFact]
    public async Task Database_AwayWhileACallIsUnderWay_GetsTheAnswerWhenItIsBack()
    {
        var (asked, isAway) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var endpoint = await StartAsync(async context =>
        {
            asked.TrySetResult();
            await isAway.Task;
            await Says("stop", "It is so. ", "The answer is yes.")(context);
        });
        await using var teacher = await Teacher(endpoint, Prices);

        var answer = Ask(teacher, new RationaleSpec(), Row(0));
        await asked.Task;
        await server.StopAsync("immediate");
        isAway.SetResult();
        await Task.Delay(300);
        await server.StartAsync();

        Assert.Equal("yes", Assert.Single(await answer).Label);
        Assert.Equal(Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);
    }

    [PostgresFact]
    public async Task Start_TwoAtOnceOnAnEmptyDatabase_BothServe()
    {
        await using var endpoint = await StartAsync(Says("stop", "It is so. ", "The answer is yes."));
        await _databases.PostgresAsync();

        var teachers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => Teacher(endpoint, Prices))));

        foreach (var teacher in teachers)
        {
            Assert.Equal("yes", Assert.Single(await Ask(teacher, new RationaleSpec(), Row(0))).Label);
            await teacher.DisposeAsync();
        }

        Assert.Single(endpoint.Requests);
        Assert.Equal("0", await server.QueryAsync(await _databases.PostgresAsync(), "SELECT COUNT(*) FROM owners"));
    }

    [PostgresFact]
    public async Task Start_ConnectionStringThatCannotBeUsed_SaysWhyWithoutThePassword()
    {
        var good = await _databases.PostgresAsync();
        foreach (var (bad, why) in new[]
        {
            (good.Replace($"{PostgresServer.Password}", "wrong-secret", StringComparison.Ordinal), "password authentication failed"),
            ("Host=127.0.0.1;Port=1;Username=a;Password=wrong-secret;Database=b", "Failed to connect"),
            (good + "nowhere", "does not exist"),
            ("Password=wrong-secret;Prot=1", "must be a PostgreSQL connection string"),
            ("Password=wrong-secret", "names no Host"),
        })
        {
            await using var endpoint = await StartAsync(Says("stop", "yes"));
            var refused = await Assert.ThrowsAsync<InvalidOperationException>(() => RunningTeacher.StartAsync(
                "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m", $"--Database={bad}"));

            Assert.StartsWith("Database: ", refused.Message, StringComparison.Ordinal);
            Assert.Contains(why, refused.Message, StringComparison.Ordinal);
            Assert.DoesNotContain('\n', refused.Message);
            Assert.DoesNotContain("wrong-secret", refused.ToString(), StringComparison.Ordinal);
            Assert.DoesNotContain(PostgresServer.Password, refused.ToString(), StringComparison.Ordinal);
        }
    }

    [PostgresFact]
    public async Task Database_LostInTheMiddleOfAStream_FailsTheRowsAndNotTheStream()
    {
        await using var endpoint = await StartAsync(Says("stop", "It is so. ", "The answer is yes."));
        await using var teacher = await Teacher(endpoint, Prices);
        var (answered, isAway) = (new TaskCompletionSource(), false);

        var results = new List<RationaleResult>();
        try
        {
            await foreach (var response in teacher.Client.GenerateRationalesAsync(new RationaleSpec(), Rows()))
            {
                results.Add(response.Result);
                if (!isAway)
                {
                    await server.StopAsync("fast");
                    isAway = true;
                    answered.SetResult();
                }
            }
        }
        finally
        {
            // Others want it, too.
            await server.StartAsync();
        }

        Assert.Equal(["yes", "STATE_FAILED", "STATE_FAILED"], results.Select(result => result.Error?.Reason ?? result.Label));
        Assert.All(await Ask(teacher, new RationaleSpec(), Row(0), Row(1), Row(2)), result => Assert.Equal("yes", result.Label));
        Assert.Equal(3 * Cost, Assert.Single(await teacher.Client.ListTeachersAsync()).SpentNanos);

        async IAsyncEnumerable<Example> Rows()
        {
            yield return Row(0);
            await answered.Task;
            yield return Row(1);
            yield return Row(2);
        }
    }

    private async Task<RunningTeacher> Teacher(ScriptedEndpoint endpoint, string[] prices, params string[] settings) => await RunningTeacher.StartAsync([
        .. await _databases.SettingsAsync(OnDatabaseAttribute.Postgres), "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=model-1",
        "--Teachers:gpt:MaxOutputTokens=20", "--Teachers:gpt:RetryDelay=00:00:00.001", .. prices, .. settings]);

    private static Example Row(int i) => new() { Id = $"{i}", Segments = { $"Is it {i}?" } };

    private static async Task<List<RationaleResult>> Ask(RunningTeacher teacher, RationaleSpec spec, params Example[] rows) =>
        await teacher.Client.GenerateRationalesAsync(spec, rows.ToAsyncEnumerable()).Select(response => response.Result).ToListAsync();
}
