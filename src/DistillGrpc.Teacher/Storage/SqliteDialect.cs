using System.Data.Common;
using DistillGrpc.Hosting;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Teacher.Storage;

/// <summary>SQLite in the state directory, with a write-ahead log that is synced at every commit (journal_mode=WAL, synchronous=FULL).</summary>
internal sealed class SqliteDialect(StateDirectory state) : IDialect
{
    private const string FileName = "teacher.db";

    // SQLite's result codes.
    private const int Busy = 5;
    private const int Locked = 6;
    private const int InputOutput = 10;
    private const int Full = 13;

    private readonly string _connectionString =
        new SqliteConnectionStringBuilder { DataSource = Path.Combine(state.Root, FileName), Pooling = false, DefaultTimeout = 30 }.ToString();

    public string Place => $"StateDirectory: {Path.Combine(state.Root, FileName)}";

    // The state directory's lock keeps others out.
    public bool IsShared => false;

    public string Text => "TEXT";

    public string Blob => "BLOB";

    public string KeyOrdered => "WITHOUT ROWID";

    public string Now => "CAST(unixepoch('subsec') * 1000 AS INTEGER)";

    // Its transactions begin that way.
    public string LockWriters => "";

    public DbConnection OpenWriter() => Open();

    public ValueTask<DbConnection> OpenReaderAsync(CancellationToken cancellationToken) => new(Open());

    public void Refresh()
    {
    }

    public bool MayPass(DbException failure) => failure.IsTransient || failure is SqliteException { SqliteErrorCode: Busy or Locked or InputOutput or Full };

    public string Explain(DbException failure) => failure.Message;

    public ValueTask DisposeAsync() => ValueTask.CompletedTask;

    private SqliteConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        try
        {
            connection.Open();
            connection.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
            return connection;
        }
        catch
        {
            connection.Dispose();
            throw;
        }
    }
}
