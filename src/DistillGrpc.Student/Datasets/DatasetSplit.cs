using System.Buffers.Binary;
using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Student.Datasets;

/// <summary>
/// Divides a dataset. Groups are put in an order that the seed and their own hash decide, and the parts are cut from it one after the other:
/// a group belongs to the part in which its middle lies, so that each part has its share of the rows to within one group. Memory is some
/// tens of bytes a group.
/// </summary>
internal sealed partial class DatasetSplit(DatasetStore store, StoredDataset source, SplitDatasetRequest request)
{
    private const int MaxParts = 20;
    private const double Rounding = 1e-9;
    private readonly Grouping _grouping = request.Grouping ?? new Grouping();
    private readonly Dictionary<UInt128, int> _rowsOf = [];

    /// <summary>Checks a request.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static void Check(SplitDatasetRequest request)
    {
        RpcFailure.Require(request.Fractions.Count is >= 1 and <= MaxParts, "fractions", $"must be 1 to {MaxParts}");
        foreach (var (i, part) in request.Fractions.Index())
        {
            RpcFailure.Require(PartName().IsMatch(part.Name) && !request.Fractions.Take(i).Any(other => other.Name == part.Name), $"fractions[{i}].name", "must have 1 to 63 of a-z, 0-9 and '-', a letter first, and not come twice");
            // Also refuses NaN.
            RpcFailure.Require(part.Fraction is > 0 and <= 1, $"fractions[{i}].fraction", "must be above 0 and at most 1");
        }

        RpcFailure.Require(request.Fractions.Sum(part => part.Fraction) <= 1 + Rounding, "fractions", "must add up to at most 1");
        RpcFailure.Require(request.Grouping is null || Enum.IsDefined(request.Grouping.Kind), "grouping.kind", "is none of the kinds");
        var isSegment = request.Grouping?.Kind == GroupingKind.Segment;
        RpcFailure.Require(request.Grouping is null || (isSegment ? request.Grouping.Segment is >= 0 and < RowCheck.MaxSegments : request.Grouping.Segment == 0), "grouping.segment", isSegment ? $"must be 0 to {RowCheck.MaxSegments - 1}" : "is only for GROUPING_KIND_SEGMENT");
    }

    /// <summary>Makes the parts.</summary>
    /// <exception cref="RpcException">INVALID_ARGUMENT where no row has the segment, FAILED_PRECONDITION where a part would have no rows, RESOURCE_EXHAUSTED, DATA_LOSS.</exception>
    public SplitDatasetResponse Run(CancellationToken cancellationToken)
    {
        var hasSegment = _grouping.Kind != GroupingKind.Segment;
        foreach (var row in store.Read(source))
        {
            cancellationToken.ThrowIfCancellationRequested();
            hasSegment |= row.Segments.Count > _grouping.Segment;
            System.Runtime.InteropServices.CollectionsMarshal.GetValueRefOrAddDefault(_rowsOf, KeyOf(row), out _)++;
        }

        RpcFailure.Require(hasSegment, "grouping.segment", $"no row has a segment {_grouping.Segment}");
        var partOf = Assign();
        var response = new SplitDatasetResponse { Groups = _rowsOf.Count };
        var writers = request.Fractions.Select(_ => store.Begin(areChecked: true)).ToArray();
        try
        {
            foreach (var row in store.Read(source))
            {
                cancellationToken.ThrowIfCancellationRequested();
                if (partOf.TryGetValue(KeyOf(row), out var part))
                {
                    writers[part].Append(row);
                }
                else
                {
                    response.UnusedRows++;
                }
            }

            RequireRows(writers);
            response.Parts.AddRange(request.Fractions.Zip(writers, Publish));
            return response;
        }
        finally
        {
            Array.ForEach(writers, writer => writer.Dispose());
        }
    }

    private SplitPart Publish(SplitFraction part, DatasetWriter writer)
    {
        var name = source.Dataset.DisplayName.Length > 0 ? $"{source.Dataset.DisplayName}-{part.Name}" : part.Name;
        var origin = new SplitOrigin { Dataset = source.Dataset.Name, Part = part.Name, Fraction = part.Fraction, Seed = request.Seed, Grouping = _grouping };
        var (dataset, existed) = writer.Publish(name, new DatasetOrigin { Split = origin });
        return new SplitPart { Name = part.Name, Dataset = dataset.Dataset, Existed = existed };
    }

    private void RequireRows(DatasetWriter[] writers)
    {
        if (Array.FindIndex(writers, writer => writer.Rows == 0) is >= 0 and var empty)
        {
            throw RpcFailure.FailedPrecondition("EMPTY_PART", $"The part '{request.Fractions[empty].Name}' would have no rows: there are {source.Dataset.Rows} rows in {_rowsOf.Count} groups.");
        }
    }

    private Dictionary<UInt128, int> Assign()
    {
        var order = _rowsOf.Select(group => (Group: group.Key, Rows: group.Value, Order: OrderOf(group.Key))).ToArray();
        Array.Sort(order, (one, other) => one.Order.CompareTo(other.Order));
        var ends = new double[request.Fractions.Count];
        for (var (i, sum) = (0, 0.0); i < ends.Length; i++)
        {
            ends[i] = (sum += request.Fractions[i].Fraction) * source.Dataset.Rows;
        }

        var (parts, part, before) = (new Dictionary<UInt128, int>(order.Length), 0, 0L);
        foreach (var (group, rows, _) in order)
        {
            var middle = before + (rows / 2.0);
            while (part < ends.Length && middle > ends[part] + Rounding)
            {
                part++;
            }

            if (part == ends.Length)
            {
                break;
            }

            parts.Add(group, part);
            before += rows;
        }

        return parts;
    }

    private UInt128 OrderOf(UInt128 group)
    {
        Span<byte> seeded = stackalloc byte[24];
        BinaryPrimitives.WriteInt64LittleEndian(seeded, request.Seed);
        BinaryPrimitives.WriteUInt128LittleEndian(seeded[8..], group);
        return RowKeys.Digest(seeded);
    }

    private UInt128 KeyOf(Example row) => RowKeys.OfGroup(row, _grouping);

    [GeneratedRegex(@"^[a-z][a-z0-9-]{0,62}\z", RegexOptions.CultureInvariant)]
    private static partial Regex PartName();
}
