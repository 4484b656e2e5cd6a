using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Storage;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Teacher.Tests;

[Collection(PostgresServer.Collection)]
public sealed class LedgerTests(PostgresServer server) : IDisposable
{
    private readonly TestDatabases _databases = new(server);

    public void Dispose() => _databases.Dispose();

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Reserve_OneAccountHasNotEnough_NothingIsReservedOnTheOthers(string kind)
    {
        await using var database = await _databases.OpenAsync(kind);
        var ledger = new Ledger(database, TimeProvider.System);

        var (reserved, exhausted) = await ledger.ReserveAsync([new("teachers/a", 0), new("tags/b", 100), new("extractions/c", 9)], 10, null, CancellationToken.None);

        Assert.Null(reserved);
        Assert.Equal("extractions/c", exhausted!.Name);
        Assert.All(await ledger.ListAsync("", 10, CancellationToken.None), account => Assert.Equal((0, 0), (account.Spent, account.Reserved)));
        Assert.NotNull((await ledger.ReserveAsync([new("extractions/c", 10)], 10, null, CancellationToken.None)).Reserved);
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Reserve_OthersReservationsAreInTheWay_WaitsUntilTheyAreSettled(string kind)
    {
        await using var database = await _databases.OpenAsync(kind);
        var ledger = new Ledger(database, TimeProvider.System);
        AccountLimit[] accounts = [new("teachers/a", 0), new("tags/b", 25)];
        var first = (await ledger.ReserveAsync(accounts, 10, null, CancellationToken.None)).Reserved!;
        await ledger.ReserveAsync(accounts, 10, null, CancellationToken.None);

        var third = ledger.ReserveAsync(accounts, 10, null, CancellationToken.None).AsTask();
        var never = ledger.ReserveAsync(accounts, 26, null, CancellationToken.None);
        Assert.Equal("tags/b", (await never).Exhausted!.Name);
        Assert.False(third.IsCompleted);
        await ledger.SettleAsync(first, 5, new Usage { InputTokens = 3, OutputTokens = 2 }, null);

        Assert.NotNull((await third).Reserved);
        Assert.Equal(new AccountBalance("tags/b", 5, 20, 3, 2, 1), await ledger.BalanceOfAsync("tags/b", CancellationToken.None));
        Assert.Equal(new AccountBalance("teachers/a", 5, 20, 3, 2, 1), await ledger.BalanceOfAsync("teachers/a", CancellationToken.None));
        Assert.Equal("tags/b", (await ledger.ReserveAsync(accounts, 21, null, CancellationToken.None)).Exhausted!.Name);
    }

    [Theory]
    [OnDatabase(OnDatabaseAttribute.Sqlite)]
    [OnDatabase(OnDatabaseAttribute.Postgres)]
    public async Task Reserve_LimitIsRaised_GoesOn(string kind)
    {
        await using var database = await _databases.OpenAsync(kind);
        var ledger = new Ledger(database, TimeProvider.System);

        Assert.Null((await ledger.ReserveAsync([new("tags/a", 9)], 10, null, CancellationToken.None)).Reserved);
        Assert.NotNull((await ledger.ReserveAsync([new("tags/a", 19)], 10, null, CancellationToken.None)).Reserved);
    }

    [Fact]
    public async Task Open_ReservedByAProcessThatDied_IsSpent()
    {
        await using (var database = new TeacherDatabase(_databases.State))
        {
            await new Ledger(database, TimeProvider.System).ReserveAsync([new("teachers/a", 0), new("tags/b", 0)], 10, null, CancellationToken.None);
        }

        await using var reopened = new TeacherDatabase(_databases.State);
        Assert.Equal([new("tags/b", 10), new("teachers/a", 10)], await new Ledger(reopened, TimeProvider.System).ListAsync("", 10, CancellationToken.None));
    }

    [Fact]
    public async Task Open_DatabaseFromBeforeThereWereVersions_KeepsWhatItHolds()
    {
        Old("CREATE TABLE answers (key BLOB PRIMARY KEY, answer BLOB NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID");
        Old("CREATE TABLE accounts (name TEXT PRIMARY KEY, spent INTEGER NOT NULL, reserved INTEGER NOT NULL) WITHOUT ROWID");
        Old("INSERT INTO accounts VALUES ('teachers/a', 7, 3)");

        for (var start = 0; start < 2; start++)
        {
            await using var database = new TeacherDatabase(_databases.State);
            Assert.Equal(new AccountBalance("teachers/a", 10), Assert.Single(await new Ledger(database, TimeProvider.System).ListAsync("", 10, CancellationToken.None)));
        }
    }

    [Fact]
    public async Task Open_DatabaseOfANewerProgram_IsRefused()
    {
        await using (new TeacherDatabase(_databases.State))
        {
        }

        Old("UPDATE schema_version SET version = 99");
        var refused = Assert.Throws<InvalidOperationException>(() => new TeacherDatabase(_databases.State));
        Assert.Contains("version 99", refused.Message, StringComparison.Ordinal);
    }

    private void Old(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_databases.Folder, "teacher.db")};Pooling=False");
        connection.Open();
        connection.Execute(sql);
    }
}
