using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Storage;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Logging;

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
    public async Task Settle_DiskIsFullForAMoment_WaitsAndIsWritten()
    {
        await using var database = new TeacherDatabase(_databases.State);
        var ledger = new Ledger(database, TimeProvider.System);
        var reserved = (await ledger.ReserveAsync([new("teachers/a", 0)], 10, null, CancellationToken.None)).Reserved!;
        await FillAsync(database);

        var settled = ledger.SettleAsync(reserved, 7, new Usage { OutputTokens = 2 }, Keep);
        await Task.Delay(500);
        Assert.False(settled.IsCompleted);
        await FillAsync(database, pages: 1_000_000);
        await settled;

        Assert.Equal(new AccountBalance("teachers/a", 7, 0, 0, 2, 1), await ledger.BalanceOfAsync("teachers/a", CancellationToken.None));
        Assert.Equal(1, await KeptAsync(database));
    }

    [Fact]
    public async Task Settle_DiskStaysFull_FailsAndKeepsNobodyWaitingAndIsWrittenOnceWhenThereIsRoom()
    {
        await using var database = new TeacherDatabase(_databases.State);
        var ledger = new Ledger(database, TimeProvider.System) { Patience = TimeSpan.FromMilliseconds(300) };
        AccountLimit[] accounts = [new("teachers/a", 15)];
        var reserved = (await ledger.ReserveAsync(accounts, 10, null, CancellationToken.None)).Reserved!;
        var waiting = ledger.ReserveAsync(accounts, 8, null, CancellationToken.None).AsTask();
        await FillAsync(database);

        var failure = await Assert.ThrowsAsync<SqliteException>(() => ledger.SettleAsync(reserved, 7, new Usage { OutputTokens = 2 }, Keep));
        Assert.True(ledger.MayPass(failure));
        await Assert.ThrowsAsync<SqliteException>(() => waiting.WaitAsync(TimeSpan.FromSeconds(60)));
        await Assert.ThrowsAsync<SqliteException>(() => ledger.ReserveAsync(accounts, 8, null, CancellationToken.None).AsTask());
        await FillAsync(database, pages: 1_000_000);

        Assert.NotNull((await ledger.ReserveAsync(accounts, 8, null, CancellationToken.None)).Reserved);
        Assert.Equal(new AccountBalance("teachers/a", 7, 8, 0, 2, 1), await ledger.BalanceOfAsync("teachers/a", CancellationToken.None));
        Assert.Equal(1, await KeptAsync(database));
    }

    [Fact]
    public async Task Settle_DiskStaysFullAndNobodyAsks_IsWrittenAllTheSame()
    {
        await using var database = new TeacherDatabase(_databases.State);
        var ledger = new Ledger(database, TimeProvider.System) { Patience = TimeSpan.Zero };
        var reserved = (await ledger.ReserveAsync([new("teachers/a", 0)], 10, null, CancellationToken.None)).Reserved!;
        await FillAsync(database);
        await Assert.ThrowsAsync<SqliteException>(() => ledger.SettleAsync(reserved, 7, null, Keep));
        await FillAsync(database, pages: 1_000_000);

        for (var i = 0; i < 600 && await KeptAsync(database) == 0; i++)
        {
            await Task.Delay(100);
        }

        Assert.Equal(new AccountBalance("teachers/a", 7), await ledger.BalanceOfAsync("teachers/a", CancellationToken.None));
    }

    [Theory]
    [InlineData(1_000_000, 1, "")]
    [InlineData(1, 0, "1 answers that were paid for are lost")]
    public async Task Dispose_AnswerThatIsLate_IsWrittenOrSaidToBeLost(int pages, long kept, string said)
    {
        var log = new Heard();
        await using var database = new TeacherDatabase(_databases.State);
        await using (var ledger = new Ledger(database, TimeProvider.System, log) { Patience = TimeSpan.Zero })
        {
            var reserved = (await ledger.ReserveAsync([new("teachers/a", 0)], 10, null, CancellationToken.None)).Reserved!;
            await FillAsync(database);
            await Assert.ThrowsAsync<SqliteException>(() => ledger.SettleAsync(reserved, 7, new Usage { OutputTokens = 2 }, Keep));
            await FillAsync(database, pages);
        }

        Assert.Equal(kept, await KeptAsync(database));
        Assert.StartsWith(said, log.Said, StringComparison.Ordinal);
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

    // As on a disk without room: the database may grow no further.
    private static Task<object?> FillAsync(TeacherDatabase database, int pages = 1) =>
        database.WriteAsync(transaction => transaction.Scalar($"PRAGMA max_page_count={pages}"), CancellationToken.None);

    private static void Keep(DbTransaction transaction) =>
        transaction.Execute("INSERT INTO answers (key, answer, created) VALUES (@key, @answer, 0)", ("@key", new byte[] { 1 }), ("@answer", new byte[100_000]));

    private static async Task<long> KeptAsync(TeacherDatabase database) =>
        (await database.QueryAsync("SELECT COUNT(*) FROM answers", row => row.GetInt64(0), [], CancellationToken.None))[0];

    private void Old(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_databases.Folder, "teacher.db")};Pooling=False");
        connection.Open();
        connection.Execute(sql);
    }

    private sealed class Heard : ILogger<Ledger>
    {
        public string Said { get; private set; } = "";

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Said = formatter(state, exception);
    }
}
