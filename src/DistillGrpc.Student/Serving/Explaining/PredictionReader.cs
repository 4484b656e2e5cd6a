using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>
/// Reads kept predictions beside the writer, each over a connection of its own: with a write-ahead log readers see what was committed last, and wait for no write. A connection that
/// outlasted its reading would see a file that is no longer there where the database was made anew. Thread-safe.
/// </summary>
/// <param name="path">The file that <see cref="PredictionDatabase"/> makes.</param>
internal sealed class PredictionReader(string path) : IDisposable
{
    // A disk that hangs holds no more of the pool's threads than this.
    private const int MostAtOnce = 4;
    private readonly SemaphoreSlim _room = new(MostAtOnce);
    private readonly string _source = new SqliteConnectionStringBuilder { DataSource = path, Mode = SqliteOpenMode.ReadWrite, Pooling = false, DefaultTimeout = 1 }.ToString();

    /// <summary>A prediction, or null.</summary>
    /// <exception cref="DbException">The database refused.</exception>
    /// <exception cref="OperationCanceledException">The caller has gone.</exception>
    public async Task<KeptPrediction?> FindAsync(string id, CancellationToken cancellationToken)
    {
        await _room.WaitAsync(cancellationToken);
        try
        {
            return Find(id);
        }
        finally
        {
            _room.Release();
        }
    }

    public void Dispose() => _room.Dispose();

    private KeptPrediction? Find(string id)
    {
        using var connection = new SqliteConnection(_source);
        connection.Open();
        using var command = connection.Command("SELECT model, fingerprint, hash, label, rationale, input, kept FROM predictions WHERE key = @key", ("@key", PredictionId.KeyOf(id)));
        using var row = command.ExecuteReader();
        return row.Read() ? Read(row) : null;
    }

    private static KeptPrediction Read(DbDataReader row) => new()
    {
        Model = row.GetString(0),
        Fingerprint = row.GetString(1),
        InputHash = row.GetFieldValue<byte[]>(2),
        Label = row.GetString(3),
        Rationale = row.GetString(4),
        Segments = [.. Example.Parser.ParseFrom(row.GetFieldValue<byte[]>(5)).Segments],
        Time = DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(6)),
    };
}
