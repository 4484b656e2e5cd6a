using System.Data.Common;
using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>A training job as it is on the disk.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Number">1, 2, 3, ... in the order of creation.</param>
/// <param name="Spec">What to train.</param>
/// <param name="State">Where it stands.</param>
/// <param name="Failure">Why it is in that state.</param>
/// <param name="Priority">The higher, the sooner.</param>
/// <param name="IsAttached">It belongs to a call to Train, and ends with it.</param>
/// <param name="Trace">The trace of the call that created it, as in <c>traceparent</c>; empty for none.</param>
/// <param name="Resumptions">How often it went on.</param>
/// <param name="Sequence">Number of the last event.</param>
/// <param name="Created">When it was created.</param>
/// <param name="Started">When it ran first.</param>
/// <param name="Ended">When it ended.</param>
internal sealed record StoredJob(
    string Id, long Number, TrainingSpec Spec, TrainingJobState State, JobFailure Failure, int Priority, bool IsAttached, string Trace, int Resumptions,
    long Sequence, DateTimeOffset Created, DateTimeOffset? Started, DateTimeOffset? Ended)
{
    /// <summary>What stands in front of an id.</summary>
    public const string Collection = "trainingJobs/";

    /// <summary>The columns that <see cref="Read"/> takes.</summary>
    public const string Columns = "id, number, spec, state, code, reason, message, field, priority, is_attached, trace, resumptions, sequence, created, started, ended";

    public string Name => Collection + Id;

    /// <summary>Nothing more will happen by itself.</summary>
    public bool HasEnded => State is TrainingJobState.Succeeded or TrainingJobState.Failed or TrainingJobState.Cancelled;

    public static StoredJob Read(DbDataReader row) => new(
        row.GetString(0), row.GetInt64(1), TrainingSpec.Parser.ParseFrom(row.GetFieldValue<byte[]>(2)), (TrainingJobState)row.GetInt64(3),
        new JobFailure((int)row.GetInt64(4), row.GetString(5), row.GetString(6), row.GetString(7)), (int)row.GetInt64(8), row.GetInt64(9) != 0, row.GetString(10), (int)row.GetInt64(11),
        row.GetInt64(12), Time(row.GetInt64(13))!.Value, Time(row.GetInt64(14)), Time(row.GetInt64(15)));

    public TrainingJob ToMessage() => new()
    {
        Name = Name,
        Spec = Spec,
        State = State,
        Code = Failure.Code,
        Reason = Failure.Reason,
        Message = Failure.Message,
        Field = Failure.Field,
        Priority = Priority,
        LastSequence = Sequence,
        Resumptions = Resumptions,
        CreateTime = Created.ToTimestamp(),
        StartTime = Started?.ToTimestamp(),
        EndTime = Ended?.ToTimestamp(),
    };

    private static DateTimeOffset? Time(long milliseconds) => milliseconds == 0 ? null : DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
