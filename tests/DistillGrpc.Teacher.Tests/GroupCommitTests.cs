using DistillGrpc.Teacher.Storage;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Teacher.Tests;

public sealed class GroupCommitTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Write_OneOfManyFails_TheOthersAreKeptAndItIsNot()
    {
        await using (var writes = new GroupCommit(() => Open(create: true)))
        {
            var all = Enumerable.Range(0, 500).Select(i => writes.WriteAsync(
                transaction =>
                {
                    transaction.Execute("INSERT INTO t VALUES (@n)", ("@n", i));
                    return i == 250 ? throw new InvalidDataException("bad") : i;
                },
                CancellationToken.None)).ToArray();

            Assert.Equal("bad", (await Assert.ThrowsAsync<InvalidDataException>(() => all[250])).Message);
            Assert.Equal(Enumerable.Range(0, 500).Where(i => i != 250), await Task.WhenAll(all.Where((_, i) => i != 250)));
        }

        Assert.Equal(Enumerable.Range(0, 500).Where(i => i != 250), Rows());
    }

    [Fact]
    public async Task Write_Done_IsSeenByOtherConnections()
    {
        await using var writes = new GroupCommit(() => Open(create: true));

        await writes.WriteAsync(transaction => transaction.Execute("INSERT INTO t VALUES (7)"), CancellationToken.None);

        Assert.Equal([7], Rows());
    }

    [Fact]
    public async Task Write_CancelledBeforeItsTurn_IsNotCarriedOut()
    {
        await using var writes = new GroupCommit(() => Open(create: true));
        using var hold = new ManualResetEventSlim();
        var begun = new TaskCompletionSource();
        using var stop = new CancellationTokenSource();
        var first = writes.WriteAsync(
            _ =>
            {
                begun.TrySetResult();
                hold.Wait();
                return 0;
            },
            CancellationToken.None);
        await begun.Task;
        var second = writes.WriteAsync(transaction => transaction.Execute("INSERT INTO t VALUES (1)"), stop.Token);
        await stop.CancelAsync();
        hold.Set();

        await first;
        await Assert.ThrowsAsync<OperationCanceledException>(() => second);
        Assert.Empty(Rows());
    }

    private List<int> Rows()
    {
        using var connection = Open(create: false);
        using var command = connection.Command("SELECT n FROM t ORDER BY n");
        using var reader = command.ExecuteReader();
        var rows = new List<int>();
        while (reader.Read())
        {
            rows.Add(reader.GetInt32(0));
        }

        return rows;
    }

    private SqliteConnection Open(bool create)
    {
        var connection = new SqliteConnection($"Data Source={Path.Combine(_folder.Path, "t.db")};Pooling=False");
        connection.Open();
        connection.Execute(create ? "PRAGMA journal_mode=WAL; CREATE TABLE t (n INTEGER PRIMARY KEY)" : "PRAGMA synchronous=FULL");
        return connection;
    }
}
