using System.Data.Common;
using DistillGrpc.Hosting;
using Npgsql;

namespace DistillGrpc.Teacher.Storage;

/// <summary>PostgreSQL, for several Teachers at once.</summary>
internal sealed class PostgresDialect : IDialect
{
    // A Teacher reads one small row at a time: this many are enough, and leave room for others in the server's 100.
    private const string Defaults = "Application Name=distill-teacher;Maximum Pool Size=16;Max Auto Prepare=100;Auto Prepare Min Usages=2;";

    private readonly NpgsqlDataSource _source;
    private readonly string _patience;

    /// <summary>Makes it; nothing is opened yet.</summary>
    /// <param name="setting">Npgsql's connection string.</param>
    /// <param name="lease">After this time without a sign of life a process is dead.</param>
    /// <exception cref="InvalidOperationException">This is no connection string. What it holds is not repeated: there may be a password in it.</exception>
    public PostgresDialect(string setting, TimeSpan lease)
    {
        try
        {
            // Where a key is there twice, the last one counts.
            var builder = new NpgsqlConnectionStringBuilder(Defaults + setting) { PersistSecurityInfo = false };
            Setting.Require(builder.Host is { Length: > 0 }, nameof(TeacherOptions.Database), "names no Host.");
            Place = $"{nameof(TeacherOptions.Database)}: '{builder.Database ?? builder.Username}' at {builder.Host}:{builder.Port}";
            _source = NpgsqlDataSource.Create(builder);
        }
        catch (Exception refused) when (refused is ArgumentException or FormatException or OverflowException)
        {
            throw new InvalidOperationException($"{nameof(TeacherOptions.Database)}: must be a PostgreSQL connection string, such as Host=db;Username=teacher;Password=...;Database=teacher");
        }

        // A process that stops in the middle of a transaction must not keep the others from writing for longer than it counts as alive.
        _patience = $"SET idle_in_transaction_session_timeout = {(long)lease.TotalMilliseconds}";
    }

    public string Place { get; }

    public bool IsShared => true;

    public string Text => """TEXT COLLATE "C" """;

    public string Blob => "BYTEA";

    public string KeyOrdered => "";

    // Not the transaction's time: it may have waited since.
    public string Now => "CAST(EXTRACT(EPOCH FROM clock_timestamp()) * 1000 AS BIGINT)";

    // Any fixed number. One writer after another, as in SQLite: no deadlocks between transactions of many writes each.
    public string LockWriters => "SELECT pg_advisory_xact_lock(7041991)";

    public DbConnection OpenWriter()
    {
        var connection = _source.OpenConnection();
        connection.Execute(_patience);
        return connection;
    }

    public async ValueTask<DbConnection> OpenReaderAsync(CancellationToken cancellationToken) => await _source.OpenConnectionAsync(cancellationToken);

    public void Refresh() => _source.Clear();

    public bool MayPass(DbException failure) => failure.IsTransient;

    public string Explain(DbException failure) =>
        (failure is PostgresException { MessageText: var text } ? text : $"{failure.Message} {failure.InnerException?.Message}").ReplaceLineEndings(" ").TrimEnd();

    public ValueTask DisposeAsync() => _source.DisposeAsync();
}
