using System.Collections.Concurrent;
using System.Text.RegularExpressions;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Serving;

namespace DistillGrpc.Student.Models;

/// <summary>The models that the Student has: those in its state directory, and those that the operator has named.</summary>
internal sealed partial class ModelCatalog(StudentOptions options, StateDirectory state, ILogger<ModelCatalog> logger) : IAsyncDisposable
{
    private const string Collection = "models/";
    private readonly ConcurrentDictionary<string, ServedModel> _models = new(StringComparer.Ordinal);

    public IEnumerable<ServedModel> All => _models.Values.OrderBy(model => model.Name, StringComparer.Ordinal);

    /// <summary>Loads and warms up everything there is; what cannot be loaded is FAILED and says why.</summary>
    public async Task LoadAllAsync()
    {
        foreach (var (id, path) in options.Models)
        {
            if (!IsId(id) || !Directory.Exists(path))
            {
                throw new InvalidOperationException($"Models:{id}: {(IsId(id) ? "there is no such folder" : "an id has 1 to 63 of a-z, 0-9 and '-', a letter first")}.");
            }
        }

        var stored = Directory.GetDirectories(state.Folder("models")).Select(path => KeyValuePair.Create(Path.GetFileName(path), path)).Where(pair => IsId(pair.Key));
        await Task.WhenAll(options.Models.Concat(stored).Select(pair => AddAsync(pair.Key, pair.Value)));
    }

    /// <summary>Loads a model and serves it, in place of one of the same id.</summary>
    public async Task AddAsync(string id, string directory)
    {
        var model = new ServedModel(Collection + id, directory, options);
        var before = _models.GetValueOrDefault(id);
        _models[id] = model;
        if (before is not null)
        {
            await before.DisposeAsync();
        }

        if (await model.Loaded is { } failure)
        {
            StudentLog.ModelFailed(logger, failure, id);
        }
    }

    /// <summary>Moves a finished folder to its place and serves it.</summary>
    public async Task InstallAsync(string id, string finished, bool replace)
    {
        var place = Path.Combine(state.Folder("models"), id);
        if (Directory.Exists(place))
        {
            if (!replace)
            {
                throw RpcFailure.AlreadyExists("MODEL_EXISTS", $"{Collection}{id} was made by another run meanwhile.");
            }

            var aside = $"{place}.{Guid.NewGuid():n}";
            Directory.Move(place, aside);
            Directory.Move(finished, place);
            Directory.Delete(aside, recursive: true);
        }
        else
        {
            Directory.Move(finished, place);
        }

        await AddAsync(id, place);
    }

    public bool Has(string id) => _models.ContainsKey(id);

    /// <summary>The model of a request.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, NOT_FOUND, or FAILED_PRECONDITION.</exception>
    public ServedModel Find(string name, string field)
    {
        if (name.Length == 0)
        {
            name = options.DefaultModel.Length > 0 ? Collection + options.DefaultModel
                : _models.Count == 1 ? _models.Values.First().Name
                : throw RpcFailure.InvalidArgument(field, "name one: there is no default");
        }

        if (!name.StartsWith(Collection, StringComparison.Ordinal))
        {
            throw RpcFailure.InvalidArgument(field, "must look like models/{id}");
        }

        return _models.TryGetValue(name[Collection.Length..], out var model) ? model : throw RpcFailure.NotFound("MODEL_NOT_FOUND", $"There is no model '{name}'.");
    }

    public static bool IsId(string id) => Id().IsMatch(id);

    public async ValueTask DisposeAsync()
    {
        foreach (var model in _models.Values)
        {
            await model.DisposeAsync();
        }
    }

    [GeneratedRegex("^[a-z][a-z0-9-]{0,62}$", RegexOptions.CultureInvariant)]
    private static partial Regex Id();
}
