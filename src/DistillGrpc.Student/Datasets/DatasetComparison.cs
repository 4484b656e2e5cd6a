using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Datasets;

/// <summary>What two datasets share. Memory is some 20 bytes for each input, group, id and segment of the first.</summary>
internal sealed class DatasetComparison(DatasetStore store, StoredDataset first, StoredDataset second, int examples)
{
    private readonly HashSet<ulong> _inputs = [];
    private readonly HashSet<ulong> _groups = [];
    private readonly HashSet<ulong> _ids = [];
    private readonly List<HashSet<ulong>> _segments = [];

    /// <summary>Reads both.</summary>
    /// <exception cref="Grpc.Core.RpcException">DATA_LOSS.</exception>
    public CompareDatasetsResponse Run(CancellationToken cancellationToken)
    {
        foreach (var row in store.Read(first))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Remember(row);
        }

        var response = new CompareDatasetsResponse { First = first.Dataset, Second = second.Dataset, Inputs = new Overlap(), Groups = new Overlap(), Ids = new Overlap() };
        foreach (var row in store.Read(second))
        {
            cancellationToken.ThrowIfCancellationRequested();
            Count(response.Inputs, row, _inputs.Contains(Short(RowKeys.OfInput(row))));
            Count(response.Groups, row, row.Group.Length > 0 && _groups.Contains(Short(RowKeys.OfText(row.Group))));
            Count(response.Ids, row, _ids.Contains(Short(RowKeys.OfText(row.Id))));
            CompareSegments(response, row);
        }

        return response;
    }

    // The only segment is the input.
    private void Remember(Example row)
    {
        _inputs.Add(Short(RowKeys.OfInput(row)));
        _ids.Add(Short(RowKeys.OfText(row.Id)));
        if (row.Group.Length > 0)
        {
            _groups.Add(Short(RowKeys.OfText(row.Group)));
        }

        for (var i = 0; i < row.Segments.Count && row.Segments.Count > 1; i++)
        {
            if (i == _segments.Count)
            {
                _segments.Add([]);
            }

            _segments[i].Add(Short(RowKeys.OfWords(row.Segments[i])));
        }
    }

    private void CompareSegments(CompareDatasetsResponse response, Example row)
    {
        for (var i = 0; i < Math.Min(row.Segments.Count, _segments.Count) && row.Segments.Count > 1; i++)
        {
            if (i == response.Segments.Count)
            {
                response.Segments.Add(new SegmentOverlap { Segment = i, Overlap = new Overlap() });
            }

            Count(response.Segments[i].Overlap, row, _segments[i].Contains(Short(RowKeys.OfWords(row.Segments[i]))));
        }
    }

    private void Count(Overlap overlap, Example row, bool isShared)
    {
        if (!isShared)
        {
            return;
        }

        overlap.Rows++;
        if (overlap.Examples.Count < examples)
        {
            overlap.Examples.Add(row.Id);
        }
    }

    private static ulong Short(UInt128 key) => (ulong)key;
}
