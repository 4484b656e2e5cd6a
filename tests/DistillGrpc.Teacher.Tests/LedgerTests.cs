using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Storage;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Teacher.Tests;

public sealed class LedgerTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StateDirectory _state;

    public LedgerTests() => _state = new StateDirectory(_folder.Path, "distill-teacher");

    public void Dispose()
    {
        _state.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public async Task Reserve_OneAccountHasNotEnough_NothingIsReservedOnTheOthers()
    {
        await using var database = new TeacherDatabase(_state);
        var ledger = new Ledger(database);

        var (reserved, exhausted) = await ledger.ReserveAsync([new("teachers/a", 0), new("tags/b", 100), new("extractions/c", 9)], 10, CancellationToken.None);

        Assert.Null(reserved);
        Assert.Equal("extractions/c", exhausted!.Name);
        Assert.All(ledger.List("", 10), account => Assert.Equal((0, 0), (account.Spent, account.Reserved)));
        Assert.NotNull((await ledger.ReserveAsync([new("extractions/c", 10)], 10, CancellationToken.None)).Reserved);
    }

    [Fact]
    public async Task Reserve_OthersReservationsAreInTheWay_WaitsUntilTheyAreSettled()
    {
        await using var database = new TeacherDatabase(_state);
        var ledger = new Ledger(database);
        AccountLimit[] accounts = [new("teachers/a", 0), new("tags/b", 25)];
        var first = (await ledger.ReserveAsync(accounts, 10, CancellationToken.None)).Reserved!;
        await ledger.ReserveAsync(accounts, 10, CancellationToken.None);

        var third = ledger.ReserveAsync(accounts, 10, CancellationToken.None).AsTask();
        var never = ledger.ReserveAsync(accounts, 26, CancellationToken.None);
        Assert.Equal("tags/b", (await never).Exhausted!.Name);
        Assert.False(third.IsCompleted);
        await ledger.SettleAsync(first, 5, new Usage { InputTokens = 3, OutputTokens = 2 }, null);

        Assert.NotNull((await third).Reserved);
        Assert.Equal(new AccountBalance("tags/b", 5, 20, 3, 2, 1), ledger.BalanceOf("tags/b"));
        Assert.Equal(new AccountBalance("teachers/a", 5, 20, 3, 2, 1), ledger.BalanceOf("teachers/a"));
        Assert.Equal("tags/b", (await ledger.ReserveAsync(accounts, 21, CancellationToken.None)).Exhausted!.Name);
    }

    [Fact]
    public async Task Reserve_LimitIsRaised_GoesOn()
    {
        await using var database = new TeacherDatabase(_state);
        var ledger = new Ledger(database);

        Assert.Null((await ledger.ReserveAsync([new("tags/a", 9)], 10, CancellationToken.None)).Reserved);
        Assert.NotNull((await ledger.ReserveAsync([new("tags/a", 19)], 10, CancellationToken.None)).Reserved);
    }

    [Fact]
    public async Task Open_ReservedByAProcessThatDied_IsSpent()
    {
        await using (var database = new TeacherDatabase(_state))
        {
            await new Ledger(database).ReserveAsync([new("teachers/a", 0), new("tags/b", 0)], 10, CancellationToken.None);
        }

        await using var reopened = new TeacherDatabase(_state);
        Assert.Equal([new("tags/b", 10), new("teachers/a", 10)], new Ledger(reopened).List("", 10));
    }

    [Fact]
    public async Task Open_DatabaseFromBeforeThereWereVersions_KeepsWhatItHolds()
    {
        Old("CREATE TABLE answers (key BLOB PRIMARY KEY, answer BLOB NOT NULL, created INTEGER NOT NULL) WITHOUT ROWID");
        Old("CREATE TABLE accounts (name TEXT PRIMARY KEY, spent INTEGER NOT NULL, reserved INTEGER NOT NULL) WITHOUT ROWID");
        Old("INSERT INTO accounts VALUES ('teachers/a', 7, 3)");

        for (var start = 0; start < 2; start++)
        {
            await using var database = new TeacherDatabase(_state);
            Assert.Equal(new AccountBalance("teachers/a", 10), Assert.Single(new Ledger(database).List("", 10)));
        }
    }

    [Fact]
    public async Task Open_DatabaseOfANewerProgram_IsRefused()
    {
        await using (new TeacherDatabase(_state))
        {
        }

        Old("UPDATE schema_version SET version = 99");
        var refused = Assert.Throws<InvalidOperationException>(() => new TeacherDatabase(_state));
        Assert.Contains("version 99", refused.Message, StringComparison.Ordinal);
    }

    private void Old(string sql)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, "teacher.db")};Pooling=False");
        connection.Open();
        connection.Execute(sql);
    }
}
