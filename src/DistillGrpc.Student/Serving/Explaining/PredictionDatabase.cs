using System.Data.Common;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Google.Protobuf;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>
/// Kept predictions on the disk: SQLite, in a file of its own. A commit does not wait for the disk: what a killed process had committed is there, what a machine that
/// lost its power had committed last may not be. What is deleted is overwritten. Used by one caller at a time; <see cref="PredictionReader"/> reads beside it.
/// </summary>
internal sealed class PredictionDatabase : IDisposable
{
    // A row's own, besides its texts.
    private const int RowBytes = 256;
    private const int AtOnce = 256;

    private const string Schema = """
        CREATE TABLE IF NOT EXISTS predictions (
            number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, kept INTEGER NOT NULL, bytes INTEGER NOT NULL, model TEXT NOT NULL, fingerprint TEXT NOT NULL,
            hash BLOB NOT NULL, label TEXT NOT NULL, rationale TEXT NOT NULL, input BLOB NOT NULL);
        """;

    private readonly SqliteConnection _connection;
    private (long Rows, long Bytes)? _total;
    private bool _hasRemoved;

    /// <summary>Opens the file, or makes it.</summary>
    /// <param name="path">The file.</param>
    /// <param name="keepsInputs">Whether inputs are kept; if not, predictions that have theirs, from before, are removed.</param>
    /// <exception cref="DbException">It cannot be used.</exception>
    public PredictionDatabase(string path, bool keepsInputs)
    {
        _connection = new SqliteConnection(new SqliteConnectionStringBuilder { DataSource = path, Pooling = false, DefaultTimeout = 5 }.ToString());
        try
        {
            _connection.Open();
            _connection.Execute("PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA secure_delete=ON");
            _connection.Execute(Schema);
            if (!keepsInputs)
            {
                _connection.Execute("DELETE FROM predictions WHERE length(input) > 0 OR length(rationale) > 0");
            }

            TryOverwrite();
        }
        catch
        {
            _connection.Dispose();
            throw;
        }
    }

    /// <summary>Adds predictions, and removes what is too old or too much, the oldest first: all of it or nothing.</summary>
    /// <param name="predictions">Ids with what belongs to them.</param>
    /// <param name="since">Those from before are removed.</param>
    /// <param name="maxRows">Most that stay.</param>
    /// <param name="maxBytes">Most bytes of those.</param>
    /// <exception cref="DbException">The database refused.</exception>
    public void Write(IEnumerable<(string Id, KeptPrediction Prediction)> predictions, DateTimeOffset since, long maxRows, long maxBytes)
    {
        using var transaction = _connection.BeginTransaction();
        _total ??= transaction.Rows("SELECT COUNT(*), COALESCE(SUM(bytes), 0) FROM predictions", row => (row.GetInt64(0), row.GetInt64(1)))[0];
        foreach (var (id, prediction) in predictions)
        {
            Add(transaction, id, prediction);
        }

        while (Remove(transaction, since.ToUnixTimeMilliseconds(), maxRows, maxBytes))
        {
        }

        transaction.Commit();
    }

    /// <summary>Has what was removed overwritten in the file itself: until then it can be read there, and in the log of what was written.</summary>
    /// <returns>Whether nothing is left to be done; not while somebody reads what is to go.</returns>
    /// <exception cref="DbException">The database refused.</exception>
    public bool Overwrite()
    {
        if (_hasRemoved)
        {
            using var command = _connection.Command("PRAGMA wal_checkpoint(TRUNCATE)");
            // 0, or 1 where a reader was in the way.
            _hasRemoved = (long)command.ExecuteScalar()! != 0;
        }

        return !_hasRemoved;
    }

    // What a process that was killed has left in the log, too. On a full disk that is done later.
    private void TryOverwrite()
    {
        _hasRemoved = true;
        try
        {
            Overwrite();
        }
        catch (DbException)
        {
        }
    }

    public void Dispose() => _connection.Dispose();

    private void Add(DbTransaction transaction, string id, KeptPrediction prediction)
    {
        var input = new Example { Segments = { prediction.Segments } }.ToByteArray();
        var bytes = RowBytes + input.Length + Encoding.UTF8.GetByteCount(prediction.Label) + Encoding.UTF8.GetByteCount(prediction.Rationale);
        var added = transaction.Execute(
            """
            INSERT OR IGNORE INTO predictions (key, kept, bytes, model, fingerprint, hash, label, rationale, input)
            VALUES (@key, @kept, @bytes, @model, @fingerprint, @hash, @label, @rationale, @input)
            """,
            ("@key", PredictionId.KeyOf(id)), ("@kept", prediction.Time.ToUnixTimeMilliseconds()), ("@bytes", (long)bytes), ("@model", prediction.Model), ("@fingerprint", prediction.Fingerprint),
            ("@hash", prediction.InputHash), ("@label", prediction.Label), ("@rationale", prediction.Rationale), ("@input", input));
        _total = (_total!.Value.Rows + added, _total.Value.Bytes + (added * bytes));
    }

    // Some of the oldest; whether there may be more of them.
    private bool Remove(DbTransaction transaction, long since, long maxRows, long maxBytes)
    {
        var oldest = transaction.Rows($"SELECT number, kept, bytes FROM predictions ORDER BY number LIMIT {AtOnce}", row => (Number: row.GetInt64(0), Kept: row.GetInt64(1), Bytes: row.GetInt64(2)));
        var (rows, bytes) = _total!.Value;
        var gone = oldest.TakeWhile(row =>
        {
            var goes = row.Kept <= since || rows > maxRows || bytes > maxBytes;
            (rows, bytes) = goes ? (rows - 1, bytes - row.Bytes) : (rows, bytes);
            return goes;
        }).ToArray();
        if (gone.Length > 0)
        {
            transaction.Execute("DELETE FROM predictions WHERE number <= @number", ("@number", gone[^1].Number));
            (_total, _hasRemoved) = ((rows, bytes), true);
        }

        return gone.Length == AtOnce;
    }
}
