using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Storage;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Teacher.Tests;

[Collection(PostgresServer.Collection)]
public sealed class OwnerTests(PostgresServer server) : IDisposable
{
    private readonly TestDatabases _databases = new(server);
    private CuttingProxy? _proxy;

    public void Dispose()
    {
        _proxy?.Dispose();
        _databases.Dispose();
    }

    [PostgresFact]
    public async Task Owner_OutOfTouchForTooLong_IsAnotherAndWhatItHadReservedIsSpentOnce()
    {
        // The first's clock stands still: it gives no sign of life by itself.
        await using var first = await _databases.OpenAsync(OnDatabaseAttribute.Postgres, new FakeTimeProvider(), TimeSpan.FromMinutes(1));
        await using var second = await _databases.OpenAsync(OnDatabaseAttribute.Postgres, lease: TimeSpan.FromSeconds(16));
        var (ledger, others) = (new Ledger(first, TimeProvider.System), new Ledger(second, TimeProvider.System));
        var (lost, owner) = (first.OwnerLost, first.Owner);
        var reserved = (await ledger.ReserveAsync([new("teachers/a", 0)], 10, null, CancellationToken.None)).Reserved!;
        Assert.Equal(2, await AliveAsync(second));
        await QueryAsync($"UPDATE owners SET alive_until = 0 WHERE id = '{owner}'");

        for (var i = 0; i < 1200 && (await others.BalanceOfAsync("teachers/a", CancellationToken.None)).Reserved > 0; i++)
        {
            await Task.Delay(50);
        }

        Assert.Equal(new AccountBalance("teachers/a", 10), await others.BalanceOfAsync("teachers/a", CancellationToken.None));
        Assert.Equal(1, await AliveAsync(second));
        Assert.False(lost.IsCancellationRequested);

        await ledger.SettleAsync(reserved, 4, new Usage(), null);

        Assert.Equal(new AccountBalance("teachers/a", 4, Answers: 1), await others.BalanceOfAsync("teachers/a", CancellationToken.None));
        Assert.True(lost.WaitHandle.WaitOne(TimeSpan.FromSeconds(5)));
        Assert.NotEqual(owner, first.Owner);
        Assert.Equal(2, await AliveAsync(second));
    }

    [Fact]
    public async Task Open_StateDirectoryOfAProcessThatDied_HasOneOwner()
    {
        var lost = await _databases.OpenAsync(OnDatabaseAttribute.Sqlite);
        await using var database = await _databases.OpenAsync(OnDatabaseAttribute.Sqlite);

        Assert.Equal(1, await AliveAsync(database));
        Assert.NotEqual(lost.Owner, database.Owner);
        await lost.DisposeAsync();
    }

    [PostgresFact]
    public async Task Write_ConnectionLostBefore_IsCarriedOutOnANewOne()
    {
        await using var database = await WithTableAsync();
        for (var i = 0; i < 3; i++)
        {
            await database.WriteAsync(transaction => transaction.Execute("INSERT INTO t VALUES (1)"), CancellationToken.None);
            await KillWriterAsync();
        }

        Assert.Equal("3", await QueryAsync("SELECT COUNT(*) FROM t"));
    }

    [PostgresFact]
    public async Task Write_ConnectionLostInACommitThatWasNotCarriedOut_IsWrittenOnce()
    {
        await using var database = await WithTableAsync();
        // What is taken from a sequence stays taken, also where the transaction is undone: the second commit goes through.
        await QueryAsync("""
            CREATE SEQUENCE commits;
            CREATE FUNCTION cut() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN IF nextval(''commits'') = 1 THEN PERFORM pg_terminate_backend(pg_backend_pid()); END IF; RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER cut AFTER INSERT ON t DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION cut();
            """);
        var owner = database.Owner;

        await database.WriteAsync(transaction => transaction.Execute("INSERT INTO t VALUES (1)"), CancellationToken.None);

        Assert.Equal("1,2", await QueryAsync("SELECT (SELECT COUNT(*) FROM t) || ',' || last_value FROM commits"));
        Assert.Equal(owner, database.Owner);
    }

    [PostgresFact]
    public async Task Write_ConnectionLostInACommitThatWasCarriedOut_IsWrittenOnce()
    {
        await using var database = await WithTableAsync();
        var runs = 0;
        _proxy!.CutNextCommit(() => Task.CompletedTask);

        await database.WriteAsync(transaction => (runs++, transaction.Execute("INSERT INTO t VALUES (1)")), CancellationToken.None);

        Assert.Equal((1, "1"), (runs, await QueryAsync("SELECT COUNT(*) FROM t")));
    }

    [PostgresFact]
    public async Task Write_OwnerGoneWhenTheCommitWasLost_SaysThatNobodyKnowsAndGoesOnAsAnother()
    {
        await using var database = await WithTableAsync();
        var owner = database.Owner;
        _proxy!.CutNextCommit(() => QueryAsync("DELETE FROM owners"));

        await Assert.ThrowsAsync<OutcomeUnknownException>(() => database.WriteAsync(_ => 0, CancellationToken.None));

        await database.WriteAsync(transaction => transaction.Execute("INSERT INTO t VALUES (1)"), CancellationToken.None);
        Assert.NotEqual(owner, database.Owner);
        Assert.Equal(1, await AliveAsync(database));
    }

    private async Task<TeacherDatabase> WithTableAsync()
    {
        _proxy = new CuttingProxy(server.Port);
        var through = (await _databases.PostgresAsync()).Replace($"Port={server.Port}", $"Port={_proxy.Port}", StringComparison.Ordinal);
        var lease = TimeSpan.FromMinutes(1);
        // Its clock stands still: nothing is written but what the test writes.
        var database = new TeacherDatabase(new PostgresDialect(through, lease), lease, new FakeTimeProvider(), NullLogger.Instance);
        await QueryAsync("CREATE TABLE t (n BIGINT)");
        return database;
    }

    private async Task<string> QueryAsync(string sql) => await server.QueryAsync(await _databases.PostgresAsync(), sql);

    // And all other sessions of this database.
    private Task<string> KillWriterAsync() =>
        QueryAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()");

    private static ValueTask<long> AliveAsync(TeacherDatabase database) => database.ReadAsync(
        async connection =>
        {
            await using var command = connection.Command($"SELECT COUNT(*) FROM ({database.AliveOwners}) AS alive");
            return (long)(await command.ExecuteScalarAsync())!;
        },
        CancellationToken.None);
}
