using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Student.Datasets;

/// <summary>
/// Rows on their way to a dataset, in a folder that is nobody's until <see cref="Publish"/>. Disposed before, it leaves nothing; one with
/// a key keeps its rows, and <see cref="DatasetStore.Begin"/> with that key goes on after the last one. Not thread-safe.
/// </summary>
internal sealed class DatasetWriter : IDisposable
{
    private readonly DatasetStore _store;
    private readonly StudentOptions _options;
    private readonly string _folder;
    private readonly bool _isKept;
    private readonly bool _areChecked;
    private readonly ILogger _logger;
    private readonly RowWriter _file;
    private readonly HashSet<UInt128> _ids = [];
    private readonly RowTally _tally = new();
    private bool _isClosed;

    /// <summary>Begins, or goes on with the rows that a folder has.</summary>
    /// <param name="store">Where it is published.</param>
    /// <param name="options">The limits.</param>
    /// <param name="folder">Where the rows are until then; made where it is missing.</param>
    /// <param name="isKept">The rows stay where they are when this is disposed.</param>
    /// <param name="areChecked">The rows are a dataset's: they are not checked again.</param>
    /// <param name="logger">Takes failures of the disk.</param>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED where the disk is full, UNAVAILABLE where it cannot be written.</exception>
    public DatasetWriter(DatasetStore store, StudentOptions options, string folder, bool isKept, bool areChecked, ILogger logger)
    {
        (_store, _options, _folder, _isKept, _areChecked, _logger) = (store, options, folder, isKept, areChecked, logger);
        _file = Guard(() =>
        {
            Directory.CreateDirectory(folder);
            return new RowWriter(Path.Combine(folder, StoredDataset.RowFile), Count, store.OpenRows);
        });
    }

    /// <summary>Rows so far.</summary>
    public long Rows { get; private set; }

    /// <summary>Adds a row.</summary>
    /// <returns>Why it was not added, or null.</returns>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: there are too many rows, or too many bytes, or the disk is full.</exception>
    public RowError? Append(Example row) => Append(row, toDisk: false);

    /// <summary>Adds a row that is on the disk when this returns: a process that is killed does not lose it. Where it fails all is as it was, and the next may be tried.</summary>
    /// <inheritdoc cref="Append(Example)"/>
    public RowError? AppendToDisk(Example row) => Append(row, toDisk: true);

    /// <summary>What the rows so far would be as a dataset; without name.</summary>
    public Dataset Describe(string displayName, DatasetOrigin origin) => new()
    {
        DisplayName = displayName,
        ContentHash = _file.Hash,
        Rows = Rows,
        Counts = _tally.Counts,
        SizeBytes = _file.Bytes,
        Origin = origin,
    };

    /// <summary>Makes the rows a dataset, which is on the disk when this returns; or gives the one that has the same rows.</summary>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: there are too many datasets, or the disk is full.</exception>
    public (StoredDataset Dataset, bool Existed) Publish(string displayName, DatasetOrigin origin)
    {
        Guard(() => _file.Flush(toDisk: false));
        var published = Guard(() => _store.Publish(_folder, Describe(displayName, origin)));
        Discard();
        return published;
    }

    /// <summary>Removes the rows, also those of a writer with a key.</summary>
    public void Discard()
    {
        if (!_isClosed)
        {
            _isClosed = true;
            _file.Dispose();
            DatasetStore.Remove(_folder);
        }
    }

    public void Dispose()
    {
        if (!_isKept)
        {
            Discard();
        }
        else if (!_isClosed)
        {
            _isClosed = true;
            using var file = _file;
            Guard(() => file.Flush(toDisk: true));
        }
    }

    private RowError? Append(Example row, bool toDisk)
    {
        Normalize(row);
        var size = row.CalculateSize();
        var error = _areChecked ? null
            : size > _options.MaxDatasetRowBytes ? RowCheck.Refused("row", $"has {size} bytes, and may have {_options.MaxDatasetRowBytes}", "ROW_TOO_LARGE")
            : RowCheck.ErrorOf(row) ?? (_ids.Contains(RowKeys.OfText(row.Id)) ? RowCheck.Refused("row.id", "came before", "DUPLICATE_ID") : null);
        if (error is null)
        {
            RequireRoom(size);
            Guard(() =>
            {
                if (toDisk)
                {
                    _file.AppendToDisk(row, size);
                }
                else
                {
                    _file.Append(row, size);
                }
            });
            Count(row);
        }

        return error;
    }

    private void Count(Example row)
    {
        Rows++;
        _tally.Add(row);
        if (!_areChecked)
        {
            _ids.Add(RowKeys.OfText(row.Id));
        }
    }

    // Messages without content say nothing: rows that say the same have the same bytes.
    private static void Normalize(Example row)
    {
        if (row.Teaching is { } teaching)
        {
            teaching.Provenance = teaching.Provenance?.CalculateSize() > 0 ? teaching.Provenance : null;
            row.Teaching = teaching.CalculateSize() > 0 ? teaching : null;
        }
    }

    private void RequireRoom(int size)
    {
        if (Rows >= _options.MaxDatasetRows)
        {
            throw RpcFailure.ResourceExhausted("TOO_MANY_ROWS", $"A dataset may have {_options.MaxDatasetRows} rows.", TimeSpan.Zero);
        }

        if (_file.Bytes + size > _options.MaxDatasetBytes)
        {
            throw RpcFailure.ResourceExhausted("DATASET_TOO_LARGE", $"A dataset may have {_options.MaxDatasetBytes} bytes.", TimeSpan.Zero);
        }
    }

    private void Guard(Action write) => Guard(() =>
    {
        write();
        return true;
    });

    private T Guard<T>(Func<T> write)
    {
        try
        {
            return write();
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException or ArgumentOutOfRangeException)
        {
            StudentLog.DatasetNotWritten(_logger, failure);
            throw DiskFailure.Of(failure);
        }
    }
}
