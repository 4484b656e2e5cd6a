using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Student.Datasets;

/// <summary>Rows that come in, with the report on those that are left out.</summary>
/// <param name="spec">What becomes of them.</param>
/// <param name="writer">Where they go; stays the caller's.</param>
internal sealed class DatasetUpload(UploadSpec spec, DatasetWriter writer)
{
    private const int MaxReported = 100;
    private const int MaxViolations = 20;
    private const int MaxDisplayName = 200;
    private const int HashLength = 64;
    private readonly UploadDatasetResponse _report = new();
    private readonly HashSet<UInt128> _seen = [];

    /// <summary>Rows that are kept so far.</summary>
    public long Rows => writer.Rows;

    /// <summary>Checks a spec.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static void Check(UploadSpec spec)
    {
        RequireDisplayName(spec.DisplayName, "spec.display_name");
        RpcFailure.Require(Enum.IsDefined(spec.Duplicates), "spec.duplicates", "is none of the rules");
        RpcFailure.Require(!spec.HasMaxRejectedRows || spec.MaxRejectedRows >= 0, "spec.max_rejected_rows", "must not be negative");
        RpcFailure.Require(spec.ContentHash.Length == 0 || (spec.ContentHash.Length == HashLength && spec.ContentHash.All(char.IsAsciiHexDigitLower)), "spec.content_hash", $"must have {HashLength} hexadecimal digits, in small letters");
    }

    /// <summary>Checks a name for people.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static void RequireDisplayName(string name, string field) =>
        RpcFailure.Require(name.Length <= MaxDisplayName && !name.Any(char.IsControl), field, $"may have {MaxDisplayName} characters, and no control characters");

    /// <summary>Takes a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="position">Where it stands, for the report.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT with too many rejected rows, RESOURCE_EXHAUSTED with too many rows or on a full disk.</exception>
    public void Add(Example row, long position)
    {
        if (spec.Duplicates != DuplicateRows.Unspecified && !_seen.Add(spec.Duplicates == DuplicateRows.SameRow ? KeyOf(row) : RowKeys.OfInput(row)))
        {
            _report.Duplicates++;
        }
        else if (writer.Append(row) is { } error)
        {
            Reject(position, row.Id, error);
        }
    }

    /// <summary>Counts a row that cannot be used.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT with too many rejected rows.</exception>
    public void Reject(long position, string id, RowError error)
    {
        _report.RejectedCount++;
        if (_report.Rejected.Count < MaxReported)
        {
            _report.Rejected.Add(new RejectedRow { Position = position, Id = id.Length <= RowCheck.MaxIdLength ? id : id[..RowCheck.MaxIdLength], Error = error });
        }

        if (spec.HasMaxRejectedRows && _report.RejectedCount > spec.MaxRejectedRows)
        {
            throw Refused("TOO_MANY_REJECTED_ROWS", $"More than {spec.MaxRejectedRows} rows cannot be used, and nothing was kept.");
        }
    }

    /// <summary>Makes a dataset of the rows.</summary>
    /// <param name="displayName">What people call it.</param>
    /// <param name="origin">Where they come from.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT without rows, or where they are not those that the spec names; RESOURCE_EXHAUSTED on a full disk.</exception>
    public UploadDatasetResponse Finish(string displayName, DatasetOrigin origin)
    {
        if (writer.Rows == 0)
        {
            throw _report.RejectedCount > 0 ? Refused("NO_ROWS", $"None of {_report.RejectedCount} rows can be used.") : RpcFailure.InvalidArgument("row", "there is none", "NO_ROWS");
        }

        if (origin.Upload is { } upload)
        {
            (upload.Rejected, upload.Duplicates) = (_report.RejectedCount, _report.Duplicates);
        }

        var described = writer.Describe(displayName, origin);
        if (spec.ContentHash.Length > 0 && spec.ContentHash != described.ContentHash)
        {
            throw RpcFailure.InvalidArgument("spec.content_hash", $"is not that of the {described.Rows} rows that came, {described.ContentHash}", "HASH_MISMATCH");
        }

        if (spec.ValidateOnly)
        {
            _report.Dataset = described;
            return _report;
        }

        var (dataset, existed) = writer.Publish(displayName, origin);
        (_report.Dataset, _report.Existed) = (dataset.Dataset, existed);
        return _report;
    }

    // Of all but the id.
    private static UInt128 KeyOf(Example row)
    {
        var id = row.Id;
        row.Id = "";
        var key = RowKeys.Digest(Google.Protobuf.MessageExtensions.ToByteArray(row));
        row.Id = id;
        return key;
    }

    // The first of them come as field violations, so that nobody has to ask again to know what to mend.
    private RpcException Refused(string reason, string message) => RpcFailure.InvalidArgument(
        [.. _report.Rejected.Take(MaxViolations).Select(row => (row.Error.Field, $"row {row.Position}{(row.Id.Length > 0 ? $" (id {row.Id})" : "")}: {(row.Error.Field.Length > 0 ? $"{row.Error.Field} " : "")}{row.Error.Message}"))],
        message,
        reason);
}
