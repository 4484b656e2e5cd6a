using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace DistillGrpc.Student.Datasets;

/// <summary>
/// The datasets in the state directory. Each is a folder <c>datasets/{id}</c> that is there whole or not at all, and never changes;
/// <c>datasets/unfinished-*</c> are rows of calls under way, removed at the next start, <c>datasets/growing-{key}</c> those of writers
/// that outlast one. Thread-safe.
/// </summary>
internal sealed partial class DatasetStore
{
    private const string Unfinished = "unfinished-";
    private const string Growing = "growing-";
    private readonly StudentOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<DatasetStore> _logger;
    private readonly string _root;
    private readonly ConcurrentDictionary<string, StoredDataset> _datasets = new(StringComparer.Ordinal);
    private readonly Lock _publishing = new();

    /// <summary>Reads what datasets there are, and removes what a process left that was killed.</summary>
    public DatasetStore(StudentOptions options, StateDirectory state, TimeProvider time, ILogger<DatasetStore> logger)
    {
        (_options, _time, _logger, _root) = (options, time, logger, state.Folder("datasets"));
        foreach (var folder in Directory.GetDirectories(_root))
        {
            var name = Path.GetFileName(folder);
            if (name.StartsWith(Unfinished, StringComparison.Ordinal))
            {
                Remove(folder);
            }
            else if (StoredDataset.IsId(name) && new DirectoryInfo(folder).LinkTarget is null)
            {
                Add(StoredDataset.Load(folder));
            }
        }
    }

    /// <summary>Opens a file of rows to be written; a test's disk may be full.</summary>
    public Func<string, FileStream> OpenRows { get; init; } = RowWriter.Open;

    /// <summary>All datasets, the newest first.</summary>
    public IEnumerable<StoredDataset> All => _datasets.Values.OrderByDescending(dataset => dataset.Created).ThenBy(dataset => dataset.Id, StringComparer.Ordinal);

    /// <summary>The dataset of a request.</summary>
    /// <param name="name"><c>datasets/{id}</c>, or with the first 6 or more digits of the id.</param>
    /// <param name="field">The field that holds it.</param>
    /// <param name="mayBeDamaged">It is not read.</param>
    /// <exception cref="RpcException">INVALID_ARGUMENT, NOT_FOUND, or DATA_LOSS.</exception>
    public StoredDataset Find(string name, string field, bool mayBeDamaged = false)
    {
        if (!Name().IsMatch(name))
        {
            throw RpcFailure.InvalidArgument(field, "must look like datasets/{id}, with 6 to 32 hexadecimal digits");
        }

        var prefix = name[StoredDataset.Collection.Length..];
        var found = _datasets.Values.Where(dataset => dataset.Id.StartsWith(prefix, StringComparison.Ordinal)).Take(2).ToArray();
        return found switch
        {
            [] => throw RpcFailure.NotFound("DATASET_NOT_FOUND", $"There is no dataset '{name}'."),
            [var only] => mayBeDamaged || only.Dataset.Damage.Length == 0 ? only : throw Damaged(name, only.Dataset.Damage),
            _ => throw RpcFailure.InvalidArgument(field, $"'{name}' begins the names of several datasets; give more digits"),
        };
    }

    /// <summary>The rows in their order, one at a time. Read to the last one, they are checked against the hash.</summary>
    /// <exception cref="RpcException">DATA_LOSS: the rows are not those that were written; the message says what is wrong.</exception>
    public IEnumerable<Example> Read(StoredDataset dataset)
    {
        using var reader = Open(dataset);
        for (var row = 0L; row < dataset.Dataset.Rows; row++)
        {
            yield return Next(reader, dataset, row);
        }

        if (reader.Hash != dataset.Dataset.ContentHash)
        {
            throw Mark(dataset, "the rows do not have the hash that they were written with");
        }
    }

    /// <summary>Begins a dataset.</summary>
    /// <param name="key">A <see cref="ResourceId"/>, of one writer at a time: rows of an earlier writer with it are there already. Empty: the rows are gone when the writer is.</param>
    /// <param name="areChecked">The rows come from a dataset.</param>
    /// <exception cref="RpcException">RESOURCE_EXHAUSTED: there are too many datasets, or the disk is full.</exception>
    /// <exception cref="ArgumentException">The key is none.</exception>
    public DatasetWriter Begin(string key = "", bool areChecked = false)
    {
        if (key.Length > 0 && !ResourceId.IsId(key))
        {
            throw new ArgumentException("It is no id.", nameof(key));
        }

        RequireRoom();
        return new DatasetWriter(this, _options, Path.Combine(_root, key.Length > 0 ? Growing + key : $"{Unfinished}{Guid.NewGuid():n}"), key.Length > 0, areChecked, _logger);
    }

    /// <summary>Gives a finished folder its name; where there is one with the same rows, that one stays.</summary>
    /// <exception cref="IOException">The disk does not take it.</exception>
    public (StoredDataset Dataset, bool Existed) Publish(string folder, Dataset dataset)
    {
        var id = dataset.ContentHash[..StoredDataset.IdLength];
        lock (_publishing)
        {
            if (_datasets.TryGetValue(id, out var present) && present.Dataset.Damage.Length == 0)
            {
                return (present, true);
            }

            RequireRoom();
            (dataset.Name, dataset.CreateTime) = (StoredDataset.Collection + id, Timestamp.FromDateTimeOffset(_time.GetUtcNow()));
            StoredDataset.WriteInfo(folder, dataset);
            // One that is damaged makes room for its rows.
            Withdraw(id);
            var place = Path.Combine(_root, id);
            DurableFolder.Publish(folder, place);
            var published = new StoredDataset(place, dataset);
            _datasets[id] = published;
            return (published, false);
        }
    }

    /// <summary>Removes a dataset; who reads it now reads it to its end.</summary>
    public void Delete(StoredDataset dataset)
    {
        lock (_publishing)
        {
            Withdraw(dataset.Id);
        }
    }

    /// <summary>Removes a folder, where it is there.</summary>
    public static void Remove(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // Renamed first: what is removed only in part is no dataset.
    private void Withdraw(string id)
    {
        var place = Path.Combine(_root, id);
        _datasets.TryRemove(id, out _);
        if (Directory.Exists(place))
        {
            var aside = Path.Combine(_root, $"{Unfinished}{Guid.NewGuid():n}");
            Directory.Move(place, aside);
            Remove(aside);
        }
    }

    private void Add(StoredDataset dataset)
    {
        if (dataset.Dataset.Damage.Length > 0)
        {
            StudentLog.DatasetDamaged(_logger, dataset.Id, dataset.Dataset.Damage);
        }

        _datasets[dataset.Id] = dataset;
    }

    private void RequireRoom()
    {
        if (_datasets.Count >= _options.MaxDatasets)
        {
            throw RpcFailure.ResourceExhausted("TOO_MANY_DATASETS", $"There are {_datasets.Count} datasets; delete one.", TimeSpan.Zero);
        }
    }

    private static RowReader Open(StoredDataset dataset)
    {
        try
        {
            return new RowReader(dataset.RowPath);
        }
        catch (Exception gone) when (gone is FileNotFoundException or DirectoryNotFoundException)
        {
            throw RpcFailure.NotFound("DATASET_NOT_FOUND", $"{dataset.Dataset.Name} was deleted meanwhile.");
        }
    }

    private Example Next(RowReader reader, StoredDataset dataset, long row)
    {
        try
        {
            return reader.Read() ?? throw new InvalidDataException("the file ends before it");
        }
        catch (Exception damaged) when (damaged is InvalidDataException or EndOfStreamException)
        {
            throw Mark(dataset, $"row {row} cannot be read: {damaged.Message}");
        }
    }

    // Known to be damaged, it makes room when its rows are uploaded again.
    private RpcException Mark(StoredDataset dataset, string damage)
    {
        StudentLog.DatasetDamaged(_logger, dataset.Id, damage);
        _datasets.TryUpdate(dataset.Id, dataset with { Dataset = new Dataset(dataset.Dataset) { Damage = damage } }, dataset);
        return Damaged(dataset.Dataset.Name, damage);
    }

    private static RpcException Damaged(string name, string damage) => RpcFailure.Of(StatusCode.DataLoss, "DATASET_DAMAGED", $"{name} is damaged: {damage}. Delete it, and upload its rows again.");

    [GeneratedRegex(@"^datasets/[0-9a-f]{6,32}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Name();
}
