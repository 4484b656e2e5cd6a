using System.Data.Common;
using System.Globalization;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Quality;
using DistillGrpc.Teacher.Storage;
using Google.Protobuf;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>
/// The inputs of extractions on the disk: appended, then claimed by a process and given back, until each has its row. What a method
/// has returned is durable.
/// </summary>
internal sealed class ExtractionInputs(TeacherDatabase database, ExtractionStore extractions, ExtractionEvents events, TimeProvider time)
{
    /// <summary>Appends inputs; gives what became of each, or null where there is no such extraction.</summary>
    public async Task<IReadOnlyList<AppendOutcome>?> AppendAsync(string id, IReadOnlyList<Example> inputs, CancellationToken cancellationToken)
    {
        var outcomes = await database.WriteAsync(
            transaction =>
            {
                if (ExtractionStore.Find(transaction, id) is not { } extraction)
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
        extractions.Changed.Raise();
        return outcomes;
    }

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
                row => (Input: ReadInput(row), Priority: row.GetDouble(4)),
                ("@owner", database.Owner), ("@id", extraction.Id), ("@number", extraction.Number), ("@running", (long)ExtractionState.Running), ("@now", time.GetUtcNow().ToUnixTimeMilliseconds()), ("@count", (long)count)),
            cancellationToken);
        return [.. claimed.OrderByDescending(input => input.Priority).ThenBy(input => input.Input.Ordinal).Select(input => input.Input)];
    }

    /// <summary>Gives an input back that may work later.</summary>
    public Task ReleaseAsync(string id, long ordinal, int tries, TimeSpan wait) => database.WriteAsync(
        transaction => transaction.Execute(
            "UPDATE extraction_inputs SET owner = '', tries = @tries, not_before = @after WHERE extraction = @id AND ordinal = @ordinal AND is_open = 1 AND owner = @owner",
            ("@tries", (long)tries), ("@after", (time.GetUtcNow() + wait).ToUnixTimeMilliseconds()), ("@id", id), ("@ordinal", ordinal), ("@owner", database.Owner)),
        CancellationToken.None);

    /// <summary>Gives all inputs back that this process has.</summary>
    public Task ReleaseAsync(string id) => database.WriteAsync(
        transaction => transaction.Execute("UPDATE extraction_inputs SET owner = '' WHERE extraction = @id AND is_open = 1 AND owner = @owner", ("@id", id), ("@owner", database.Owner)),
        CancellationToken.None);

    /// <summary>Writes an input's row; nothing where another process has taken the input over, or the extraction has ended or is gone.</summary>
    public async Task CompleteAsync(StoredExtraction extraction, ClaimedInput input, RationaleResult result, IReadOnlyList<string> counters)
    {
        var id = extraction.Id;
        // Made before the transaction, in which all others wait.
        var payload = result.ToByteArray();
        await database.WriteAsync(
            transaction =>
            {
                if (!Close(transaction, extraction, input.Ordinal))
                {
                    return false;
                }

                var accepted = result.Verdict.Accepted;
                var (sequence, isDone) = transaction.Rows(
                    """
                    UPDATE extractions SET sequence = sequence + 1, accepted = accepted + @accepted, rejected = rejected + 1 - @accepted WHERE id = @id
                    RETURNING sequence, state = @running AND is_complete = 1 AND accepted + rejected = inputs
                    """,
                    row => (row.GetInt64(0), Convert.ToBoolean(row.GetValue(1), CultureInfo.InvariantCulture)),
                    ("@accepted", accepted ? 1L : 0), ("@id", id), ("@running", (long)ExtractionState.Running))[0];
                events.AddRow(transaction, id, sequence, input.Ordinal, accepted, payload, counters);
                if (isDone)
                {
                    extractions.Succeed(transaction, id);
                }

                return true;
            },
            CancellationToken.None);
        extractions.Changed.Raise();
    }

    /// <summary>Sets priorities; gives how many inputs were still open.</summary>
    public Task<int> PrioritizeAsync(string id, IReadOnlyList<InputPriority> priorities, CancellationToken cancellationToken) => database.WriteAsync(
        transaction => priorities.Sum(input => transaction.Execute(
            "UPDATE extraction_inputs SET priority = @priority WHERE extraction = @id AND id = @input AND is_open = 1", ("@priority", input.Priority), ("@id", id), ("@input", input.InputId))),
        cancellationToken);

    /// <summary>Whether somebody works on one of its inputs.</summary>
    public async ValueTask<bool> IsBusyAsync(string id, CancellationToken cancellationToken) => (await database.QueryAsync(
        $"SELECT 1 FROM extraction_inputs WHERE extraction = @id AND is_open = 1 AND owner IN ({database.AliveOwners}) LIMIT 1", row => true, [("@id", id)], cancellationToken)).Count > 0;

    private static ClaimedInput ReadInput(DbDataReader row) => new(
        row.GetInt64(0), Example.Parser.ParseFrom(row.GetFieldValue<byte[]>(1)), row.GetInt64(2) is > 0 and var repeats ? (RejectionReason)repeats : null, (int)row.GetInt64(3));

    // False where it is not this process's to close.
    private bool Close(DbTransaction transaction, StoredExtraction extraction, long ordinal) => transaction.Execute(
        """
        UPDATE extraction_inputs SET is_open = 0, owner = '' WHERE extraction = @id AND ordinal = @ordinal AND is_open = 1 AND owner = @owner
            AND EXISTS (SELECT 1 FROM extractions WHERE id = @id AND number = @number AND state NOT IN (@succeeded, @cancelled))
        """,
        ("@id", extraction.Id), ("@ordinal", ordinal), ("@owner", database.Owner), ("@number", extraction.Number),
        ("@succeeded", (long)ExtractionState.Succeeded), ("@cancelled", (long)ExtractionState.Cancelled)) == 1;

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
            ("@id", extraction.Id), ("@ordinal", ordinal), ("@input", input.Id), ("@example", bytes), ("@repeats", (long)(Repeats(transaction, extraction, input) ?? RejectionReason.Unspecified)));
        return AppendOutcome.Appended;
    }

    private static RejectionReason? Repeats(DbTransaction transaction, StoredExtraction extraction, Example input) => Fingerprints.Repeats(
        input,
        extraction.Spec.Rationales.Quality?.Duplicates ?? DuplicateRule.Unspecified,
        (band, hash) => transaction.Execute(
            "INSERT INTO extraction_fingerprints (extraction, band, hash) VALUES (@id, @band, @hash) ON CONFLICT DO NOTHING", ("@id", extraction.Id), ("@band", (long)band), ("@hash", hash)) == 1);
}
