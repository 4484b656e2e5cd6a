using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>Several Teachers, each a process of its own, on one PostgreSQL.</summary>
[Collection(PostgresServer.Collection)]
public sealed class ReplicaLifecycleTests(PostgresServer server)
{
    // 31 tokens in at 2 and 7 out at 10.
    private const long Cost = 132_000;

    [PostgresFact]
    public async Task Sigkill_InTheMiddleOfACall_AnotherTeacherTakesTheQuestionOverAndWhatWasReservedIsSpent()
    {
        var (calls, asked, release) = (0, new TaskCompletionSource(), new TaskCompletionSource());
        await using var endpoint = await ScriptedEndpoint.StartAsync(async context =>
        {
            if (Interlocked.Increment(ref calls) == 1)
            {
                asked.SetResult();
                await release.Task;
            }

            await ScriptedEndpoint.Says("stop", "It is so. The answer is yes.")(context);
        });
        var database = await server.CreateDatabaseAsync();
        using var first = await ServiceProcess.TeacherAsync(Settings(endpoint, database, "00:00:08"));
        var owner = await server.QueryAsync(database, "SELECT id FROM owners");
        using var second = await ServiceProcess.TeacherAsync(Settings(endpoint, database, "00:00:08"));
        using var toFirst = DistillChannel.To(first.Address);
        using var toSecond = DistillChannel.To(second.Address);

        var lost = Ask(toFirst);
        await asked.Task;
        var taken = Ask(toSecond);
        // The first is busy, and alive.
        await SaysSoAsync(database, owner);
        Assert.False(taken.IsCompleted);
        Assert.Equal(1, Volatile.Read(ref calls));
        first.Kill();
        // Its time is over sooner than it would be by itself.
        await server.QueryAsync(database, $"UPDATE owners SET alive_until = 0 WHERE id = '{owner}'");

        await Assert.ThrowsAsync<RpcException>(() => lost);
        var result = Assert.Single(await taken);
        release.SetResult();

        Assert.Equal(("yes", false, 2), (result.Label, result.Provenance.Kept, Volatile.Read(ref calls)));
        var account = await SettledAsync(toSecond);
        // The first call may have been billed too, for at most what was reserved.
        Assert.InRange(account.Usage.CostNanos, 2 * Cost, 10 * Cost);
        Assert.Equal((1, 0), (account.Answers, account.ReservedNanos));
    }

    [PostgresFact]
    public async Task Sigkill_OfATeacherWhileTwoTeach_NoAnswerIsLostOrPaidForAgain()
    {
        const int rows = 200, inFlight = 8;
        var (asked, killed) = (0, new TaskCompletionSource());
        await using var endpoint = await ScriptedEndpoint.StartAsync(async context =>
        {
            // So that not everything is answered before one is killed.
            if (Interlocked.Increment(ref asked) > rows - 20)
            {
                await killed.Task.WaitAsync(context.RequestAborted);
            }

            await ScriptedEndpoint.Says("stop", "It is so. The answer is yes.")(context);
        });
        var database = await server.CreateDatabaseAsync();
        using var first = await ServiceProcess.TeacherAsync([.. Settings(endpoint, database), $"--MaxInputsInFlight={inFlight}"]);
        using var second = await ServiceProcess.TeacherAsync([.. Settings(endpoint, database), $"--MaxInputsInFlight={inFlight}"]);
        using var toFirst = DistillChannel.To(first.Address);
        using var toSecond = DistillChannel.To(second.Address);

        var whole = new TeacherClient(toSecond).GenerateRationalesAsync(new RationaleSpec(), Questions(rows)).Select(response => response.Result).ToListAsync();
        var given = 0;
        await Assert.ThrowsAsync<RpcException>(async () =>
        {
            // From the other end, so that both have something to ask.
            await foreach (var response in new TeacherClient(toFirst).GenerateRationalesAsync(new RationaleSpec(), Questions(rows).Reverse()))
            {
                if (++given >= 40 && !first.HasExited)
                {
                    first.Kill();
                    killed.SetResult();
                }
            }
        });

        Assert.All(await whole, result => Assert.Equal("yes", result.Label));
        Assert.InRange(endpoint.Requests.Count, rows, rows + inFlight);
        var account = await SettledAsync(toSecond);
        Assert.True(account.Usage.CostNanos >= endpoint.Requests.Count * Cost, $"{account}");
        Assert.Equal((rows, 0), (account.Answers, account.ReservedNanos));
    }

    [PostgresFact]
    public async Task Start_WrongPassword_IsOneLineWithoutItAndExitCode1()
    {
        var database = (await server.CreateDatabaseAsync()).Replace(PostgresServer.Password, "wrong-secret", StringComparison.Ordinal);

        var (code, output) = await ServiceProcess.RunToEndAsync("DistillGrpc.Teacher.dll", "--Teachers:gpt:Backend=openai", "--Teachers:gpt:Endpoint=http://127.0.0.1:1/v1", "--Teachers:gpt:Model=m", $"--Database={database}");

        Assert.Equal(1, code);
        Assert.Matches("^error: Database: 'test[0-9]+' at 127.0.0.1:[0-9]+ cannot be used: password authentication failed for user \"postgres\"$", output);
    }

    private static string[] Settings(ScriptedEndpoint endpoint, string database, string lease = "00:00:03") =>
    [
        $"--Database={database}", $"--DatabaseLease={lease}", "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m",
        "--Teachers:gpt:MaxOutputTokens=20", "--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10",
    ];

    private static IAsyncEnumerable<Example> Questions(int count) => Enumerable.Range(0, count).Select(i => new Example { Id = $"{i}", Segments = { $"Question {i}?" } }).ToAsyncEnumerable();

    private static Task<List<RationaleResult>> Ask(ChannelBase channel) =>
        new TeacherClient(channel).GenerateRationalesAsync(new RationaleSpec(), Questions(1)).Select(response => response.Result).ToListAsync().AsTask();

    // When it is alive for longer than it was.
    private async Task SaysSoAsync(string database, string owner)
    {
        var before = await AliveUntilAsync();
        for (var tries = 0; await AliveUntilAsync() <= before; tries++)
        {
            Assert.InRange(tries, 0, 300);
            await Task.Delay(100);
        }

        async Task<long> AliveUntilAsync() => long.Parse(await server.QueryAsync(database, $"SELECT alive_until FROM owners WHERE id = '{owner}'"));
    }

    // When the dead are buried.
    private static async Task<Account> SettledAsync(ChannelBase channel)
    {
        var client = new TeacherService.TeacherServiceClient(channel);
        for (var i = 0; ; i++)
        {
            var account = Assert.Single((await client.ListAccountsAsync(new ListAccountsRequest())).Accounts);
            if (account.ReservedNanos == 0 || i == 600)
            {
                return account;
            }

            await Task.Delay(100);
        }
    }
}
