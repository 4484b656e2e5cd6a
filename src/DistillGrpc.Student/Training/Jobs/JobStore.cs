using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Storage;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>Training jobs and their events on the disk. What a method has returned is durable.</summary>
internal sealed class JobStore(StudentDatabase database, TimeProvider time)
{
    private static readonly TrainingJobState[] Waiting = [TrainingJobState.Queued, TrainingJobState.Running, TrainingJobState.Paused];

    /// <summary>Raised when a job has changed, or has an event.</summary>
    public Signal Changed { get; } = new();

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    /// <summary>Creates a job that waits for its turn, or finds the one that was created by the same request.</summary>
    /// <param name="job">The job; its number and times are set here.</param>
    /// <param name="requestId">The request, or empty.</param>
    /// <returns>The job; or another one, and what of it is in the way.</returns>
    public (StoredJob Job, JobConflict Conflict) Create(StoredJob job, string requestId)
    {
        var asked = job.Spec.ToByteArray();
        var result = database.Run(transaction =>
        {
            var found = transaction.Rows(
                $"""
                SELECT {StoredJob.Columns}, request_id, asked FROM jobs
                WHERE id = @id OR (request_id = @request AND request_id <> '') OR (model = @model AND state IN ({States(Waiting)})) ORDER BY request_id = @request DESC, id = @id DESC LIMIT 1
                """,
                row => (Job: StoredJob.Read(row), IsRequest: requestId.Length > 0 && row.GetString(16) == requestId, IsSame: row.GetFieldValue<byte[]>(17).AsSpan().SequenceEqual(asked)),
                ("@id", job.Id), ("@request", requestId), ("@model", job.Spec.ModelId));
            if (found is [var other])
            {
                return (other.Job, other.IsRequest ? (other.IsSame ? JobConflict.None : JobConflict.Request) : other.Job.Id == job.Id ? JobConflict.Id : JobConflict.Model);
            }

            var number = 1 + (long)transaction.Scalar("SELECT COALESCE(MAX(number), 0) FROM jobs")!;
            transaction.Execute(
                """
                INSERT INTO jobs (id, number, request_id, asked, spec, model, state, code, reason, message, field, priority, is_attached, trace, resumptions, sequence, created, started, ended)
                VALUES (@id, @number, @request, @asked, @asked, @model, 0, 0, '', '', '', @priority, @attached, @trace, 0, 0, @now, 0, 0)
                """,
                ("@id", job.Id), ("@number", number), ("@request", requestId), ("@asked", asked), ("@model", job.Spec.ModelId), ("@priority", (long)job.Priority),
                ("@attached", job.IsAttached ? 1L : 0), ("@trace", job.Trace), ("@now", Now));
            return (SetState(transaction, job.Id, TrainingJobState.Queued, JobFailure.None), JobConflict.None);
        });
        Changed.Raise();
        return result;
    }

    /// <summary>A job, or null.</summary>
    public StoredJob? Find(string id) => database.Query($"SELECT {StoredJob.Columns} FROM jobs WHERE id = @id", StoredJob.Read, ("@id", id)).FirstOrDefault();

    /// <summary>A page, the newest first.</summary>
    /// <param name="before">Only older ones than this number.</param>
    /// <param name="count">Most of them.</param>
    /// <param name="states">Only those of these states; empty for all.</param>
    public IReadOnlyList<StoredJob> List(long before, int count, IReadOnlyCollection<TrainingJobState> states) => database.Query(
        $"SELECT {StoredJob.Columns} FROM jobs WHERE number < @before {(states.Count > 0 ? $"AND state IN ({States(states)})" : "")} ORDER BY number DESC LIMIT @count",
        StoredJob.Read, ("@before", before), ("@count", (long)count));

    /// <summary>The job whose turn it is; null where none waits.</summary>
    public StoredJob? NextQueued() => database.Query(
        $"SELECT {StoredJob.Columns} FROM jobs WHERE state = @queued ORDER BY priority DESC, number LIMIT 1", StoredJob.Read, ("@queued", (long)TrainingJobState.Queued)).FirstOrDefault();

    /// <summary>How many wait for their turn.</summary>
    public long CountQueued() => database.Query("SELECT COUNT(*) FROM jobs WHERE state = @queued", row => row.GetInt64(0), ("@queued", (long)TrainingJobState.Queued))[0];

    /// <summary>Changes the state where it is one of some; gives the job as it is then, or null where there is none.</summary>
    /// <param name="id">The job.</param>
    /// <param name="from">The states that are left; in another, nothing is changed.</param>
    /// <param name="to">The new state.</param>
    /// <param name="failure">Why.</param>
    public StoredJob? SetState(string id, IReadOnlyCollection<TrainingJobState> from, TrainingJobState to, JobFailure failure)
    {
        var changed = database.Run(transaction =>
            transaction.Rows($"SELECT {StoredJob.Columns} FROM jobs WHERE id = @id", StoredJob.Read, ("@id", id)) is not [var job] ? null
            : from.Contains(job.State) ? SetState(transaction, id, to, failure)
            : job);
        Changed.Raise();
        return changed;
    }

    /// <summary>Adds an event: it gets its number and time.</summary>
    public void Append(string id, TrainingEvent happened)
    {
        database.Run(transaction =>
        {
            var sequence = transaction.Rows("UPDATE jobs SET sequence = sequence + 1 WHERE id = @id RETURNING sequence", row => row.GetInt64(0), ("@id", id));
            return sequence is [var number] ? Add(transaction, id, number, happened) : 0;
        });
        Changed.Raise();
    }

    /// <summary>Events after a number, in their order.</summary>
    public IReadOnlyList<TrainingEvent> Events(string id, long after, int count) => database.Query(
        "SELECT payload FROM job_events WHERE job = @id AND sequence > @after ORDER BY sequence LIMIT @count", ReadEvent, ("@id", id), ("@after", after), ("@count", (long)count));

    /// <summary>The last event of a kind that is about the student itself, or null.</summary>
    public TrainingEvent? Last(string id, TrainingEvent.EventOneofCase kind) => Last(id, (long)kind);

    /// <summary>The last event of a kind that is about a phase after the student has learnt, or null.</summary>
    public TrainingEvent? LastOfPhases(string id, TrainingEvent.EventOneofCase kind) => Last(id, -(long)kind);

    /// <summary>Removes a job and its events.</summary>
    public void Delete(string id)
    {
        database.Run(transaction => transaction.Execute("DELETE FROM job_events WHERE job = @id", ("@id", id)) + transaction.Execute("DELETE FROM jobs WHERE id = @id", ("@id", id)));
        Changed.Raise();
    }

    /// <summary>After a start: what ran when the process ended waits for its turn again, but for what belonged to a call.</summary>
    /// <returns>Jobs that belonged to a call, and are cancelled.</returns>
    public IReadOnlyList<StoredJob> Recover()
    {
        var lost = new List<StoredJob>();
        foreach (var job in database.Query($"SELECT {StoredJob.Columns} FROM jobs WHERE state IN ({States(Waiting)}) ORDER BY number", StoredJob.Read))
        {
            if (job.IsAttached)
            {
                SetState(job.Id, [job.State], TrainingJobState.Cancelled, new JobFailure(0, "CALLER_LOST", "The Student was stopped, and with it the call that the job belonged to.", ""));
                lost.Add(job);
            }
            else if (job.State == TrainingJobState.Running)
            {
                SetState(job.Id, [job.State], TrainingJobState.Queued, new JobFailure(0, "RESTARTED", "The Student was stopped while the job ran.", ""));
            }
        }

        return lost;
    }

    /// <summary>The ids of all jobs.</summary>
    public IReadOnlySet<string> Ids() => database.Query("SELECT id FROM jobs", row => row.GetString(0)).ToHashSet(StringComparer.Ordinal);

    private TrainingEvent? Last(string id, long kind) => database.Query(
        "SELECT payload FROM job_events WHERE job = @id AND kind = @kind ORDER BY sequence DESC LIMIT 1", ReadEvent, ("@id", id), ("@kind", kind)).FirstOrDefault();

    // Events of later phases are found by themselves: whoever asks for the last step or evaluation of a student means that student.
    private static long KindOf(TrainingEvent happened) =>
        (happened.Progress?.Phase ?? happened.Evaluation?.Phase ?? TrainingPhase.Unspecified) == TrainingPhase.Unspecified ? (long)happened.EventCase : -(long)happened.EventCase;

    private StoredJob SetState(DbTransaction transaction, string id, TrainingJobState to, JobFailure failure)
    {
        var hasEnded = to is TrainingJobState.Succeeded or TrainingJobState.Failed or TrainingJobState.Cancelled;
        var changed = transaction.Rows(
            $"""
            UPDATE jobs SET state = @state, code = @code, reason = @reason, message = @message, field = @field, sequence = sequence + 1, ended = @ended,
                resumptions = resumptions + (@state = @running AND started > 0), started = CASE WHEN @state = @running AND started = 0 THEN @now ELSE started END
            WHERE id = @id RETURNING {StoredJob.Columns}
            """,
            StoredJob.Read,
            ("@state", (long)to), ("@code", (long)failure.Code), ("@reason", failure.Reason), ("@message", failure.Message), ("@field", failure.Field), ("@ended", hasEnded ? Now : 0L),
            ("@running", (long)TrainingJobState.Running), ("@now", Now), ("@id", id))[0];
        Add(transaction, id, changed.Sequence, new TrainingEvent { State = new TrainingStateChange { State = to, Reason = failure.Reason, Message = failure.Message } });
        return changed;
    }

    private int Add(DbTransaction transaction, string id, long sequence, TrainingEvent happened)
    {
        (happened.Sequence, happened.Time) = (sequence, time.GetUtcNow().ToTimestamp());
        return transaction.Execute(
            "INSERT INTO job_events (job, sequence, kind, payload) VALUES (@id, @sequence, @kind, @payload)",
            ("@id", id), ("@sequence", sequence), ("@kind", KindOf(happened)), ("@payload", happened.ToByteArray()));
    }

    private static string States(IEnumerable<TrainingJobState> states) => string.Join(", ", states.Select(state => (int)state).Order());

    private static TrainingEvent ReadEvent(DbDataReader row) => TrainingEvent.Parser.ParseFrom(row.GetFieldValue<byte[]>(0));
}
