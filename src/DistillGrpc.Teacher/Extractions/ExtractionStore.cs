using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Storage;
using Google.Protobuf;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>
/// Extractions and their states on the disk. What a method has returned is durable. One transaction writes after another, of all
/// replicas (<see cref="IDialect.LockWriters"/>): what it has read stays so, and events appear in the order of their numbers.
/// </summary>
internal sealed class ExtractionStore(TeacherDatabase database, ExtractionEvents events, TimeProvider time)
{
    private const int DeletedAtOnce = 5000;
    private const int MaxCreateTries = 20;
    private const long Deleted = -1;
    private const string Get = $"SELECT {StoredExtraction.Columns} FROM extractions WHERE id = @id AND state >= 0";

    /// <summary>Raised when an extraction of this process has changed.</summary>
    public Signal Changed { get; } = new();

    /// <summary>Other processes use the database, too.</summary>
    public bool IsShared => database.Dialect.IsShared;

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>An extraction, or null.</summary>
    public async ValueTask<StoredExtraction?> FindAsync(string id, CancellationToken cancellationToken) =>
        (await database.QueryAsync(Get, StoredExtraction.Read, [("@id", id)], cancellationToken)).FirstOrDefault();

    /// <summary>A page, the newest first.</summary>
    /// <param name="before">Only older ones than this number.</param>
    /// <param name="count">Most of them.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public ValueTask<IReadOnlyList<StoredExtraction>> ListAsync(long before, int count, CancellationToken cancellationToken) => database.QueryAsync(
        $"SELECT {StoredExtraction.Columns} FROM extractions WHERE number < @before AND state >= 0 ORDER BY number DESC LIMIT @count", StoredExtraction.Read,
        [("@before", before), ("@count", (long)count)], cancellationToken);

    /// <summary>Extractions that have work.</summary>
    public ValueTask<IReadOnlyList<StoredExtraction>> RunnableAsync(CancellationToken cancellationToken) => database.QueryAsync(
        $"SELECT {StoredExtraction.Columns} FROM extractions WHERE state = @running AND inputs > accepted + rejected ORDER BY number", StoredExtraction.Read,
        [("@running", (long)ExtractionState.Running)], cancellationToken);

    /// <summary>Creates an extraction, or finds the one that was created by the same request.</summary>
    /// <returns>The extraction and whether it is this request's; where it is not, the id or the request is another's. None where one of this name is being removed.</returns>
    public async Task<(StoredExtraction? Extraction, bool IsOwn)> CreateAsync(string id, string requestId, ExtractionSpec spec, CancellationToken cancellationToken)
    {
        var asked = spec.ToByteArray();
        // One of this name may still be being removed.
        for (var tries = 0; tries < MaxCreateTries; tries++)
        {
            if (await database.WriteAsync(Create, cancellationToken) is { } created)
            {
                Changed.Raise();
                return created;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), time, cancellationToken);
        }

        return (null, false);

        (StoredExtraction Extraction, bool IsOwn)? Create(DbTransaction transaction)
        {
            var number = 1 + (long)transaction.Scalar("SELECT COALESCE(MAX(number), 0) FROM extractions")!;
            var created = transaction.Rows(
                $"""
                INSERT INTO extractions (id, number, request_id, asked, spec, state, reason, message, inputs, accepted, rejected, is_complete, sequence, created, updated)
                VALUES (@id, @number, @request, @asked, @asked, @running, '', '', 0, 0, 0, 0, 0, @now, @now) ON CONFLICT DO NOTHING RETURNING {StoredExtraction.Columns}
                """,
                StoredExtraction.Read, ("@id", id), ("@number", number), ("@request", requestId), ("@asked", asked), ("@running", (long)ExtractionState.Running), ("@now", Now));
            return created.Count > 0
                ? (created[0], true)
                : transaction.Rows(
                    $"SELECT {StoredExtraction.Columns}, request_id, asked FROM extractions WHERE state >= 0 AND ((request_id = @request AND request_id <> '') OR id = @id) ORDER BY request_id = @request DESC LIMIT 1",
                    row => (StoredExtraction.Read(row), requestId.Length > 0 && row.GetString(13) == requestId && row.GetFieldValue<byte[]>(14).AsSpan().SequenceEqual(asked)),
                    ("@id", id), ("@request", requestId)).Select(found => ((StoredExtraction, bool)?)found).FirstOrDefault();
        }
    }

    /// <summary>No more inputs will come.</summary>
    public Task<StoredExtraction?> CloseAsync(string id, CancellationToken cancellationToken) => ChangeAsync(
        transaction =>
        {
            var closed = transaction.Rows($"UPDATE extractions SET is_complete = 1 WHERE id = @id AND state >= 0 RETURNING {StoredExtraction.Columns}", StoredExtraction.Read, ("@id", id)).FirstOrDefault();
            return closed is null ? null : SucceedIfDone(transaction, closed);
        },
        cancellationToken);

    /// <summary>Changes the state where it is one of some; gives the extraction as it is then, or null where there is none.</summary>
    /// <param name="id">The extraction.</param>
    /// <param name="from">The states that are left; in another, nothing is changed.</param>
    /// <param name="to">The new state.</param>
    /// <param name="reason">Why, for programs.</param>
    /// <param name="message">Why, for people.</param>
    /// <param name="budget">The new budget; null where it stays.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public Task<StoredExtraction?> SetStateAsync(
        string id, IReadOnlyList<ExtractionState> from, ExtractionState to, string reason, string message, long? budget, CancellationToken cancellationToken) => ChangeAsync(
        transaction =>
        {
            if (Find(transaction, id) is not { } extraction)
            {
                return null;
            }

            if (budget is { } allowed && !extraction.HasEnded && allowed != extraction.Spec.Rationales.BudgetNanos)
            {
                extraction.Spec.Rationales.BudgetNanos = allowed;
                transaction.Execute("UPDATE extractions SET spec = @spec WHERE id = @id", ("@spec", extraction.Spec.ToByteArray()), ("@id", id));
            }

            return from.Contains(extraction.State) && (extraction.State, extraction.Reason) != (to, reason)
                ? SucceedIfDone(transaction, SetState(transaction, id, to, reason, message))
                : extraction;
        },
        cancellationToken);

    /// <summary>A run has stopped: changes the state, unless it was changed, or the budget was raised, while its last calls were under way.</summary>
    public Task<StoredExtraction?> HaltAsync(StoredExtraction began, Halt halt) => ChangeAsync(
        transaction =>
        {
            var now = Find(transaction, began.Id);
            var isStill = now is { State: ExtractionState.Running } && now.Number == began.Number
                && (halt.State != ExtractionState.OutOfBudget || now.Spec.Rationales.BudgetNanos == began.Spec.Rationales.BudgetNanos);
            return isStill && (halt.State, halt.Reason) != (now!.State, now.Reason) ? SetState(transaction, began.Id, halt.State, halt.Reason, halt.Message) : now;
        },
        CancellationToken.None);

    /// <summary>Adds a report of a student's quality; gives all of them in their order, or null where there is no such extraction.</summary>
    public Task<IReadOnlyList<double>?> ReportAsync(string id, long rows, double quality, CancellationToken cancellationToken) => database.WriteAsync<IReadOnlyList<double>?>(
        transaction =>
        {
            if (Find(transaction, id) is null)
            {
                return null;
            }

            transaction.Execute(
                "INSERT INTO extraction_reports (extraction, number, row_count, quality) SELECT @id, COALESCE(MAX(number), 0) + 1, @rows, @quality FROM extraction_reports WHERE extraction = @id",
                ("@id", id), ("@rows", rows), ("@quality", quality));
            return transaction.Rows("SELECT quality FROM extraction_reports WHERE extraction = @id ORDER BY number", row => row.GetDouble(0), ("@id", id));
        },
        cancellationToken);

    /// <summary>Marks an extraction as gone, and removes what belongs to it, some at a time so that others are not kept waiting.</summary>
    public async Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        await database.WriteAsync(transaction => transaction.Execute("UPDATE extractions SET state = @deleted WHERE id = @id", ("@deleted", Deleted), ("@id", id)), cancellationToken);
        foreach (var (table, column) in new[] { ("extraction_inputs", "ordinal"), ("extraction_events", "sequence"), ("extraction_fingerprints", "hash"), ("extraction_counters", "name"), ("extraction_reports", "number") })
        {
            while (await database.WriteAsync(
                transaction => transaction.Execute(
                    $"DELETE FROM {table} WHERE extraction = @id AND {column} IN (SELECT {column} FROM {table} WHERE extraction = @id LIMIT @count)", ("@id", id), ("@count", (long)DeletedAtOnce)),
                cancellationToken) > 0)
            {
            }
        }

        // What it has cost stays in the accounts of its teachers; another extraction of this name begins with nothing.
        await database.WriteAsync(
            transaction => transaction.Execute("DELETE FROM accounts WHERE name = @name", ("@name", StoredExtraction.Collection + id))
                + transaction.Execute("DELETE FROM extractions WHERE id = @id AND state = @deleted", ("@id", id), ("@deleted", Deleted)),
            cancellationToken);
        Changed.Raise();
    }

    /// <summary>Extractions whose removal was interrupted.</summary>
    public ValueTask<IReadOnlyList<string>> HalfDeletedAsync(CancellationToken cancellationToken) =>
        database.QueryAsync("SELECT id FROM extractions WHERE state = @deleted", row => row.GetString(0), [("@deleted", Deleted)], cancellationToken);

    /// <summary>An extraction as a transaction finds it, or null.</summary>
    public static StoredExtraction? Find(DbTransaction transaction, string id) => transaction.Rows(Get, StoredExtraction.Read, ("@id", id)).FirstOrDefault();

    /// <summary>Every input has its row, and no more will come: ends an extraction, within the transaction that finds it so.</summary>
    public StoredExtraction Succeed(DbTransaction transaction, string id) => SetState(transaction, id, ExtractionState.Succeeded, "", "");

    private async Task<StoredExtraction?> ChangeAsync(Func<DbTransaction, StoredExtraction?> change, CancellationToken cancellationToken)
    {
        var changed = await database.WriteAsync(change, cancellationToken);
        Changed.Raise();
        return changed;
    }

    private StoredExtraction SucceedIfDone(DbTransaction transaction, StoredExtraction extraction) =>
        extraction is { State: ExtractionState.Running, IsComplete: true } && extraction.Accepted + extraction.Rejected == extraction.Inputs
            ? Succeed(transaction, extraction.Id)
            : extraction;

    private StoredExtraction SetState(DbTransaction transaction, string id, ExtractionState to, string reason, string message)
    {
        var changed = transaction.Rows(
            $"UPDATE extractions SET state = @state, reason = @reason, message = @message, sequence = sequence + 1, updated = @now WHERE id = @id RETURNING {StoredExtraction.Columns}",
            StoredExtraction.Read, ("@state", (long)to), ("@reason", reason), ("@message", message), ("@now", Now), ("@id", id))[0];
        events.AddState(transaction, changed);
        return changed;
    }
}
