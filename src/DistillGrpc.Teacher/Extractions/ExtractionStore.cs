using System.Data.Common;
using System.Globalization;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Quality;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Storage;
using Google.Protobuf;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>
/// Extractions on the disk. What a method has returned is durable. The row of an extraction is written last or locked first in every
/// transaction that gives a number to an event, so numbers appear in their order also where several replicas write.
/// </summary>
internal sealed class ExtractionStore(TeacherDatabase database, TimeProvider time)
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
        // Another replica may have taken the number at the same time; or one of this name is still being removed.
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

    /// <summary>Appends inputs; gives what became of each, or null where there is no such extraction.</summary>
    public async Task<IReadOnlyList<AppendOutcome>?> AppendAsync(string id, IReadOnlyList<Example> inputs, CancellationToken cancellationToken)
    {
        var outcomes = await database.WriteAsync(
            transaction =>
            {
                // Locked: inputs of several callers get their places one after another.
                if (transaction.Rows($"UPDATE extractions SET inputs = inputs WHERE id = @id AND state >= 0 RETURNING {StoredExtraction.Columns}", StoredExtraction.Read, ("@id", id)) is not [var extraction])
                {
                    return null;
                }

                var (last, outcomes) = (extraction.Inputs, new List<AppendOutcome>(inputs.Count));
                foreach (var input in inputs)
                {
                    var outcome = Append(transaction, extraction, input, last + 1);
                    last += outcome == AppendOutcome.Appended ? 1 : 0;
                    outcomes.Add(outcome);
                }

                if (last > extraction.Inputs)
                {
                    transaction.Execute("UPDATE extractions SET inputs = @inputs WHERE id = @id", ("@inputs", last), ("@id", id));
                }

                return outcomes;
            },
            cancellationToken);
        Changed.Raise();
        return outcomes;
    }

    /// <summary>No more inputs will come.</summary>
    public Task<StoredExtraction?> CloseAsync(string id, CancellationToken cancellationToken) => ChangeAsync(
        transaction =>
        {
            var closed = transaction.Rows($"UPDATE extractions SET is_complete = 1 WHERE id = @id AND state >= 0 RETURNING {StoredExtraction.Columns}", StoredExtraction.Read, ("@id", id)).FirstOrDefault();
            return closed is null ? null : SucceedIfDone(transaction, closed);
        },
        cancellationToken);

    /// <summary>Takes open inputs that nobody works on: the most urgent first, then in their order.</summary>
    public async Task<IReadOnlyList<ClaimedInput>> ClaimAsync(StoredExtraction extraction, int count, CancellationToken cancellationToken)
    {
        var claimed = await database.WriteAsync(
            transaction => transaction.Rows(
                $"""
                UPDATE extraction_inputs SET owner = @owner WHERE extraction = @id AND ordinal IN (
                    SELECT ordinal FROM extraction_inputs
                    WHERE extraction = @id AND is_open = 1 AND (owner = '' OR owner NOT IN ({database.AliveOwners})) AND not_before <= @now
                        AND EXISTS (SELECT 1 FROM extractions WHERE id = @id AND number = @number AND state = @running)
                    ORDER BY priority DESC, ordinal LIMIT @count)
                RETURNING ordinal, example, repeats, tries, priority
                """,
                row => (Input: new ClaimedInput(row.GetInt64(0), Example.Parser.ParseFrom(row.GetFieldValue<byte[]>(1)), row.GetInt64(2) is > 0 and var repeats ? (RejectionReason)repeats : null, (int)row.GetInt64(3)), Priority: row.GetDouble(4)),
                ("@owner", database.Owner), ("@id", extraction.Id), ("@number", extraction.Number), ("@running", (long)ExtractionState.Running), ("@now", Now), ("@count", (long)count)),
            cancellationToken);
        return [.. claimed.OrderByDescending(input => input.Priority).ThenBy(input => input.Input.Ordinal).Select(input => input.Input)];
    }

    /// <summary>Gives an input back that may work later.</summary>
    public Task ReleaseAsync(string id, long ordinal, int tries, TimeSpan wait) => database.WriteAsync(
        transaction => transaction.Execute(
            "UPDATE extraction_inputs SET owner = '', tries = @tries, not_before = @after WHERE extraction = @id AND ordinal = @ordinal AND is_open = 1 AND owner = @owner",
            ("@tries", (long)tries), ("@after", Now + (long)wait.TotalMilliseconds), ("@id", id), ("@ordinal", ordinal), ("@owner", database.Owner)),
        CancellationToken.None);

    /// <summary>Gives all inputs back that this process has.</summary>
    public Task ReleaseAsync(string id) => database.WriteAsync(
        transaction => transaction.Execute("UPDATE extraction_inputs SET owner = '' WHERE extraction = @id AND is_open = 1 AND owner = @owner", ("@id", id), ("@owner", database.Owner)),
        CancellationToken.None);

    /// <summary>Writes an input's row; nothing where another process has taken the input over, or the extraction has ended or is gone.</summary>
    public async Task CompleteAsync(StoredExtraction extraction, ClaimedInput input, RationaleResult result, IReadOnlyList<string> counters)
    {
        var (id, payload) = (extraction.Id, result.ToByteArray());
        await database.WriteAsync(
            transaction =>
            {
                if (transaction.Execute(
                    """
                    UPDATE extraction_inputs SET is_open = 0, owner = '' WHERE extraction = @id AND ordinal = @ordinal AND is_open = 1 AND owner = @owner
                        AND EXISTS (SELECT 1 FROM extractions WHERE id = @id AND number = @number AND state NOT IN (@succeeded, @cancelled))
                    """,
                    ("@id", id), ("@ordinal", input.Ordinal), ("@owner", database.Owner), ("@number", extraction.Number),
                    ("@succeeded", (long)ExtractionState.Succeeded), ("@cancelled", (long)ExtractionState.Cancelled)) == 0)
                {
                    return false;
                }

                foreach (var counter in counters)
                {
                    transaction.Execute(
                        "INSERT INTO extraction_counters (extraction, name, value) VALUES (@id, @name, 1) ON CONFLICT (extraction, name) DO UPDATE SET value = extraction_counters.value + 1",
                        ("@id", id), ("@name", counter));
                }

                var accepted = result.Verdict.Accepted ? 1L : 0;
                var counted = transaction.Rows(
                    """
                    UPDATE extractions SET sequence = sequence + 1, accepted = accepted + @accepted, rejected = rejected + 1 - @accepted WHERE id = @id
                    RETURNING sequence, state = @running AND is_complete = 1 AND accepted + rejected = inputs
                    """,
                    row => (Sequence: row.GetInt64(0), IsDone: Convert.ToBoolean(row.GetValue(1), CultureInfo.InvariantCulture)),
                    ("@accepted", accepted), ("@id", id), ("@running", (long)ExtractionState.Running));
                foreach (var (sequence, isDone) in counted)
                {
                    Add(transaction, id, sequence, accepted == 1 ? EventKind.Accepted : EventKind.Rejected, input.Ordinal, payload);
                    _ = isDone ? SetState(transaction, id, ExtractionState.Succeeded, "", "") : null;
                }

                return true;
            },
            CancellationToken.None);
        Changed.Raise();
    }

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
            if (transaction.Rows($"UPDATE extractions SET sequence = sequence WHERE id = @id AND state >= 0 RETURNING {StoredExtraction.Columns}", StoredExtraction.Read, ("@id", id)) is not [var extraction])
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
            var now = transaction.Rows($"UPDATE extractions SET sequence = sequence WHERE id = @id AND number = @number RETURNING {StoredExtraction.Columns}", StoredExtraction.Read, ("@id", began.Id), ("@number", began.Number)).FirstOrDefault();
            var isStill = now is { State: ExtractionState.Running } && (halt.State != ExtractionState.OutOfBudget || now.Spec.Rationales.BudgetNanos == began.Spec.Rationales.BudgetNanos);
            return isStill && (halt.State, halt.Reason) != (now!.State, now.Reason) ? SetState(transaction, began.Id, halt.State, halt.Reason, halt.Message) : now;
        },
        CancellationToken.None);

    /// <summary>Events after a number.</summary>
    /// <param name="id">The extraction.</param>
    /// <param name="after">The number.</param>
    /// <param name="rows">Which rows; changes of state are always there.</param>
    /// <param name="count">Most of them.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public ValueTask<IReadOnlyList<StoredEvent>> EventsAsync(string id, long after, RowFilter rows, int count, CancellationToken cancellationToken) => database.QueryAsync(
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

    /// <summary>Sets priorities; gives how many inputs were still open.</summary>
    public Task<int> PrioritizeAsync(string id, IReadOnlyList<InputPriority> priorities, CancellationToken cancellationToken) => database.WriteAsync(
        transaction => priorities.Sum(input => transaction.Execute(
            "UPDATE extraction_inputs SET priority = @priority WHERE extraction = @id AND id = @input AND is_open = 1", ("@priority", input.Priority), ("@id", id), ("@input", input.InputId))),
        cancellationToken);

    /// <summary>Adds a report of a student's quality; gives all of them in their order, or null where there is no such extraction.</summary>
    public Task<IReadOnlyList<double>?> ReportAsync(string id, long rows, double quality, CancellationToken cancellationToken) => database.WriteAsync<IReadOnlyList<double>?>(
        transaction =>
        {
            if (transaction.Execute("UPDATE extractions SET sequence = sequence WHERE id = @id AND state >= 0", ("@id", id)) == 0)
            {
                return null;
            }

            transaction.Execute(
                "INSERT INTO extraction_reports (extraction, number, row_count, quality) SELECT @id, COALESCE(MAX(number), 0) + 1, @rows, @quality FROM extraction_reports WHERE extraction = @id",
                ("@id", id), ("@rows", rows), ("@quality", quality));
            return transaction.Rows("SELECT quality FROM extraction_reports WHERE extraction = @id ORDER BY number", row => row.GetDouble(0), ("@id", id));
        },
        cancellationToken);

    /// <summary>Whether somebody works on one of its inputs.</summary>
    public async ValueTask<bool> IsBusyAsync(string id, CancellationToken cancellationToken) => (await database.QueryAsync(
        $"SELECT 1 FROM extraction_inputs WHERE extraction = @id AND is_open = 1 AND owner IN ({database.AliveOwners}) LIMIT 1", row => true, [("@id", id)], cancellationToken)).Count > 0;

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

    private async Task<StoredExtraction?> ChangeAsync(Func<DbTransaction, StoredExtraction?> change, CancellationToken cancellationToken)
    {
        var changed = await database.WriteAsync(change, cancellationToken);
        Changed.Raise();
        return changed;
    }

    private static AppendOutcome Append(DbTransaction transaction, StoredExtraction extraction, Example input, long ordinal)
    {
        var bytes = input.ToByteArray();
        if (transaction.Scalar("SELECT example FROM extraction_inputs WHERE extraction = @id AND id = @input", ("@id", extraction.Id), ("@input", input.Id)) is byte[] there)
        {
            return there.AsSpan().SequenceEqual(bytes) ? AppendOutcome.Present : AppendOutcome.Changed;
        }

        if (extraction.IsComplete || extraction.HasEnded)
        {
            return AppendOutcome.Closed;
        }

        transaction.Execute(
            "INSERT INTO extraction_inputs (extraction, ordinal, id, example, repeats, priority, is_open, owner, tries, not_before) VALUES (@id, @ordinal, @input, @example, @repeats, 0, 1, '', 0, 0)",
            ("@id", extraction.Id), ("@ordinal", ordinal), ("@input", input.Id), ("@example", bytes), ("@repeats", (long)Repeats(transaction, extraction, input)));
        return AppendOutcome.Appended;
    }

    private static RejectionReason Repeats(DbTransaction transaction, StoredExtraction extraction, Example input)
    {
        var (isFirst, isUnlike) = (true, true);
        foreach (var (band, hash) in Fingerprints.Of(input, extraction.Spec.Rationales.Quality?.Duplicates ?? DuplicateRule.Unspecified))
        {
            var isNew = transaction.Execute(
                "INSERT INTO extraction_fingerprints (extraction, band, hash) VALUES (@id, @band, @hash) ON CONFLICT DO NOTHING", ("@id", extraction.Id), ("@band", (long)band), ("@hash", hash)) == 1;
            isFirst &= isNew || band != Fingerprints.ExactBand;
            isUnlike &= isNew;
        }

        return !isFirst ? RejectionReason.Duplicate : !isUnlike ? RejectionReason.NearDuplicate : RejectionReason.Unspecified;
    }

    private StoredExtraction SucceedIfDone(DbTransaction transaction, StoredExtraction extraction) =>
        extraction is { State: ExtractionState.Running, IsComplete: true } && extraction.Accepted + extraction.Rejected == extraction.Inputs
            ? SetState(transaction, extraction.Id, ExtractionState.Succeeded, "", "")
            : extraction;

    private StoredExtraction SetState(DbTransaction transaction, string id, ExtractionState to, string reason, string message)
    {
        var changed = transaction.Rows(
            $"UPDATE extractions SET state = @state, reason = @reason, message = @message, sequence = sequence + 1, updated = @now WHERE id = @id RETURNING {StoredExtraction.Columns}",
            StoredExtraction.Read, ("@state", (long)to), ("@reason", reason), ("@message", message), ("@now", Now), ("@id", id))[0];
        Add(transaction, id, changed.Sequence, EventKind.State, 0, changed.ToMessage().ToByteArray());
        return changed;
    }

    private void Add(DbTransaction transaction, string id, long sequence, EventKind kind, long ordinal, byte[] payload) => transaction.Execute(
        "INSERT INTO extraction_events (extraction, sequence, kind, ordinal, payload, created) VALUES (@id, @sequence, @kind, @ordinal, @payload, @now)",
        ("@id", id), ("@sequence", sequence), ("@kind", (long)kind), ("@ordinal", ordinal), ("@payload", payload), ("@now", Now));

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
