using System.Data.Common;
using DistillGrpc.Hosting;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Student.Storage;

/// <summary>
/// What the Student must not lose beside files: its jobs and their events. SQLite in the state directory, with a write-ahead log that is
/// synced at every commit. One connection, used by one caller at a time: what is written here are a few events a second.
/// </summary>
internal sealed class StudentDatabase : IDisposable
{
    private const string FileName = "student.db";

    private static readonly string[] Schema =
    [
        """
        CREATE TABLE jobs (
            id TEXT PRIMARY KEY, number INTEGER NOT NULL UNIQUE, request_id TEXT NOT NULL, asked BLOB NOT NULL, spec BLOB NOT NULL, model TEXT NOT NULL,
            state INTEGER NOT NULL, code INTEGER NOT NULL, reason TEXT NOT NULL, message TEXT NOT NULL, field TEXT NOT NULL, priority INTEGER NOT NULL,
            is_attached INTEGER NOT NULL, trace TEXT NOT NULL, resumptions INTEGER NOT NULL, sequence INTEGER NOT NULL,
            created INTEGER NOT NULL, started INTEGER NOT NULL, ended INTEGER NOT NULL);
        CREATE UNIQUE INDEX job_requests ON jobs (request_id) WHERE request_id <> '';
        CREATE INDEX job_queue ON jobs (state, priority DESC, number);
        CREATE TABLE job_events (
            job TEXT NOT NULL, sequence INTEGER NOT NULL, kind INTEGER NOT NULL, payload BLOB NOT NULL, PRIMARY KEY (job, sequence)) WITHOUT ROWID;
        CREATE INDEX job_event_kinds ON job_events (job, kind, sequence);
        """,
    ];

    private readonly Lock _using = new();
    private readonly SqliteConnection _connection;

    /// <summary>Opens the database, or makes it.</summary>
    /// <exception cref="InvalidOperationException">It cannot be used; the message says why.</exception>
    public StudentDatabase(StateDirectory state)
    {
        var path = Path.Combine(state.Root, FileName);
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 30 }.ToString());
        try
        {
            _connection.Open();
            _connection.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
            Update();
        }
        catch (Exception refused) when (refused is DbException or InvalidOperationException)
        {
            _connection.Dispose();
            throw new InvalidOperationException($"StateDirectory: {path} cannot be used: {refused.Message}", refused);
        }
    }

    /// <summary>Runs statements as a whole or not at all; when it returns they are on the disk.</summary>
    /// <exception cref="DbException">The database refused; nothing was kept.</exception>
    public T Run<T>(Func<DbTransaction, T> statements)
    {
        lock (_using)
        {
            using var transaction = _connection.BeginTransaction();
            var result = statements(transaction);
            transaction.Commit();
            return result;
        }
    }

    /// <summary>Reads; what others write meanwhile is not seen.</summary>
    /// <exception cref="DbException">The database refused.</exception>
    public List<T> Query<T>(string sql, Func<DbDataReader, T> read, params ReadOnlySpan<(string Name, object Value)> parameters)
    {
        lock (_using)
        {
            using var transaction = _connection.BeginTransaction(deferred: true);
            return transaction.Rows(sql, read, parameters);
        }
    }

    public void Dispose()
    {
        lock (_using)
        {
            _connection.Dispose();
        }
    }

    // Steps are only ever added: the database's version is how many of them were made.
    private void Update()
    {
        using var command = _connection.Command("PRAGMA user_version");
        var made = (long)command.ExecuteScalar()!;
        if (made > Schema.Length)
        {
            throw new InvalidOperationException($"a newer program wrote it (version {made}, this one knows {Schema.Length})");
        }

        for (var step = (int)made; step < Schema.Length; step++)
        {
            Run(transaction => transaction.Execute(Schema[step]) + transaction.Execute($"PRAGMA user_version = {step + 1}"));
        }
    }
}
