using System.Data.Common;
using DistillGrpc.Hosting;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Teacher.Storage;

/// <summary>
/// What the Teacher must not lose: answers that were paid for, and what was spent. SQLite in the state directory, with a
/// write-ahead log that is synced at every commit (journal_mode=WAL, synchronous=FULL).
/// </summary>
internal sealed class TeacherDatabase : IAsyncDisposable
{
    private const string FileName = "teacher.db";

    // What a process that was killed had reserved may have been spent.
    private const string Recovery = "UPDATE accounts SET spent = spent + reserved, reserved = 0 WHERE reserved <> 0";

    private readonly string _connectionString;
    private readonly GroupCommit _writes;

    /// <summary>Opens the database, or makes it.</summary>
    /// <exception cref="InvalidOperationException">It cannot be used; the message says why.</exception>
    public TeacherDatabase(StateDirectory state)
    {
        var path = Path.Combine(state.Root, FileName);
        _connectionString = new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 30 }.ToString();
        try
        {
            var connection = Open();
            Schema.Update(connection);
            connection.Execute(Recovery);
            _writes = new GroupCommit(connection);
        }
        catch (Exception damaged) when (damaged is SqliteException or InvalidOperationException)
        {
            throw new InvalidOperationException($"StateDirectory: {path} cannot be used: {damaged.Message}", damaged);
        }
    }

    /// <summary>A connection of the caller's own.</summary>
    public DbConnection Open()
    {
        var connection = new SqliteConnection(_connectionString);
        connection.Open();
        connection.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
        return connection;
    }

    /// <inheritdoc cref="GroupCommit.WriteAsync"/>
    public Task<T> WriteAsync<T>(Func<DbTransaction, T> write, CancellationToken cancellationToken) => _writes.WriteAsync(write, cancellationToken);

    public ValueTask DisposeAsync() => _writes.DisposeAsync();
}
