using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Storage;
using Google.Protobuf;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>
/// What has happened to extractions, on the disk: their rows and changes of state, numbered in the order in which they were committed,
/// and how many rows there are of a kind.
/// </summary>
internal sealed class ExtractionEvents(TeacherDatabase database, TimeProvider time)
{
    /// <summary>Adds a change of an extraction's state, within the transaction that makes it.</summary>
    public void AddState(DbTransaction transaction, StoredExtraction changed) => Add(transaction, changed.Id, changed.Sequence, EventKind.State, 0, changed.ToMessage().ToByteArray());

    /// <summary>Adds an input's row and counts it, within the transaction that closes the input.</summary>
    /// <param name="transaction">The transaction.</param>
    /// <param name="id">The extraction.</param>
    /// <param name="sequence">The event's number.</param>
    /// <param name="ordinal">The input.</param>
    /// <param name="accepted">Whether the row was accepted.</param>
    /// <param name="result">The input's <see cref="RationaleResult"/>, serialized.</param>
    /// <param name="counters">What the row raises by one.</param>
    public void AddRow(DbTransaction transaction, string id, long sequence, long ordinal, bool accepted, byte[] result, IReadOnlyList<string> counters)
    {
        Add(transaction, id, sequence, accepted ? EventKind.Accepted : EventKind.Rejected, ordinal, result);
        foreach (var counter in counters)
        {
            transaction.Execute(
                "INSERT INTO extraction_counters (extraction, name, value) VALUES (@id, @name, 1) ON CONFLICT (extraction, name) DO UPDATE SET value = extraction_counters.value + 1",
                ("@id", id), ("@name", counter));
        }
    }

    /// <summary>Events after a number.</summary>
    /// <param name="id">The extraction.</param>
    /// <param name="after">The number.</param>
    /// <param name="rows">Which rows; changes of state are always there.</param>
    /// <param name="count">Most of them.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public ValueTask<IReadOnlyList<StoredEvent>> ReadAsync(string id, long after, RowFilter rows, int count, CancellationToken cancellationToken) => database.QueryAsync(
        """
        SELECT e.sequence, e.kind, e.payload, i.example FROM extraction_events e LEFT JOIN extraction_inputs i ON i.extraction = e.extraction AND i.ordinal = e.ordinal
        WHERE e.extraction = @id AND e.sequence > @after AND e.kind <= @kind ORDER BY e.sequence LIMIT @count
        """,
        ReadEvent,
        [("@id", id), ("@after", after), ("@kind", (long)(rows switch { RowFilter.All => EventKind.Rejected, RowFilter.Accepted => EventKind.Accepted, _ => EventKind.State })), ("@count", (long)count)],
        cancellationToken);

    /// <summary>When an event was written, or null where there is none.</summary>
    public async ValueTask<DateTimeOffset?> TimeOfAsync(string id, long sequence, CancellationToken cancellationToken) => (await database.QueryAsync<DateTimeOffset?>(
        "SELECT created FROM extraction_events WHERE extraction = @id AND sequence = @sequence", row => DateTimeOffset.FromUnixTimeMilliseconds(row.GetInt64(0)),
        [("@id", id), ("@sequence", sequence)], cancellationToken)).FirstOrDefault();

    /// <summary>What was counted.</summary>
    public async ValueTask<IReadOnlyDictionary<string, long>> CountersAsync(string id, CancellationToken cancellationToken) =>
        (await database.QueryAsync("SELECT name, value FROM extraction_counters WHERE extraction = @id", row => (Name: row.GetString(0), Value: row.GetInt64(1)), [("@id", id)], cancellationToken))
        .ToDictionary(counter => counter.Name, counter => counter.Value, StringComparer.Ordinal);

    private void Add(DbTransaction transaction, string id, long sequence, EventKind kind, long ordinal, byte[] payload) => transaction.Execute(
        "INSERT INTO extraction_events (extraction, sequence, kind, ordinal, payload, created) VALUES (@id, @sequence, @kind, @ordinal, @payload, @now)",
        ("@id", id), ("@sequence", sequence), ("@kind", (long)kind), ("@ordinal", ordinal), ("@payload", payload), ("@now", time.GetUtcNow().ToUnixTimeMilliseconds()));

    private static StoredEvent ReadEvent(DbDataReader row)
    {
        var (sequence, payload) = (row.GetInt64(0), row.GetFieldValue<byte[]>(2));
        if (row.GetInt64(1) == (long)EventKind.State)
        {
            return new StoredEvent(sequence, Extraction.Parser.ParseFrom(payload), null);
        }

        var (example, result) = (Example.Parser.ParseFrom(row.GetFieldValue<byte[]>(3)), RationaleResult.Parser.ParseFrom(payload));
        (example.TeacherLabel, example.Rationale) = (result.Label, result.Rationale);
        return new StoredEvent(sequence, null, new ExtractionRow { Example = example, Result = result });
    }

    private enum EventKind
    {
        State,
        Accepted,
        Rejected,
    }
}
