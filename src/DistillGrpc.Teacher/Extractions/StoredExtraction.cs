using System.Data.Common;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>An extraction as it is on the disk.</summary>
internal sealed record StoredExtraction(
    string Id, long Number, ExtractionSpec Spec, ExtractionState State, string Reason, string Message, long Inputs, long Accepted, long Rejected, bool IsComplete, long Sequence, DateTimeOffset Created, DateTimeOffset Updated)
{
    /// <summary>What stands in front of an id.</summary>
    public const string Collection = "extractions/";

    /// <summary>The columns that <see cref="Read"/> takes.</summary>
    public const string Columns = "id, number, spec, state, reason, message, inputs, accepted, rejected, is_complete, sequence, created, updated";

    public string Name => Collection + Id;

    /// <summary>Nothing more will happen.</summary>
    public bool HasEnded => State is ExtractionState.Succeeded or ExtractionState.Cancelled;

    public static StoredExtraction Read(DbDataReader row) => new(
        row.GetString(0), row.GetInt64(1), ExtractionSpec.Parser.ParseFrom(row.GetFieldValue<byte[]>(2)), (ExtractionState)row.GetInt64(3), row.GetString(4), row.GetString(5),
        row.GetInt64(6), row.GetInt64(7), row.GetInt64(8), row.GetInt64(9) != 0, row.GetInt64(10), Time(row.GetInt64(11)), Time(row.GetInt64(12)));

    public Extraction ToMessage() => new()
    {
        Name = Name,
        Spec = Spec,
        State = State,
        Reason = Reason,
        Message = Message,
        Counts = new ExtractionCounts { Inputs = Inputs, Accepted = Accepted, Rejected = Rejected },
        InputsComplete = IsComplete,
        LastSequence = Sequence,
        CreateTime = Created.ToTimestamp(),
        UpdateTime = Updated.ToTimestamp(),
    };

    private static DateTimeOffset Time(long milliseconds) => DateTimeOffset.FromUnixTimeMilliseconds(milliseconds);
}
