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
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>Ends when everything there was at the start is loaded, or known not to be.</summary>
    public Task Loaded => _loaded.Task;

    public IEnumerable<ServedModel> All => _models.Values.OrderBy(model => model.Name, StringComparer.Ordinal);

    /// <summary>Loads and warms up everything there is; what cannot be loaded is FAILED and says why.</summary>
    public async Task LoadAllAsync()
    {
        CleanUp();
        var stored = Directory.GetDirectories(state.Folder("models")).Select(path => KeyValuePair.Create(Path.GetFileName(path), path)).Where(pair => IsId(pair.Key) && IsOurs(pair.Key, pair.Value));
        await Task.WhenAll(options.Models.Concat(stored).Select(pair => AddAsync(pair.Key, pair.Value)));
        _loaded.TrySetResult();
    }

    /// <summary>Loads a model and serves it, in place of one of the same id: that one answers until the new one can, and on where it cannot.</summary>
    /// <returns>Why it cannot be served, or null.</returns>
    public async Task<Exception?> AddAsync(string id, string directory)
    {
        var model = new ServedModel(Collection + id, directory, options);
        var isFirst = _models.TryAdd(id, model);
        if (await model.Loaded is { } failure)
        {
            if (failure is InvalidDataException)
            {
                StudentLog.ModelRefused(logger, id, failure.Message);
            }
            else
            {
                StudentLog.ModelFailed(logger, failure, id);
            }

            return failure;
        }

        if (!isFirst)
        {
            var before = _models[id];
            _models[id] = model;
            await before.DisposeAsync();
        }

        return null;
    }

    /// <summary>Moves a finished folder to its place and serves it; where that fails, all is as it was.</summary>
    /// <exception cref="Grpc.Core.RpcException">ALREADY_EXISTS, or FAILED_PRECONDITION where it cannot be served.</exception>
    public async Task InstallAsync(string id, string finished, bool replace)
    {
        var place = Path.Combine(state.Folder("models"), id);
        var aside = Directory.Exists(place) ? $"{place}.{Guid.NewGuid():n}" : null;
        if (aside is not null)
        {
            if (!replace)
            {
                throw RpcFailure.AlreadyExists("MODEL_EXISTS", $"{Collection}{id} was made by another run meanwhile.");
            }

            Directory.Move(place, aside);
        }

        try
        {
            DurableFolder.Publish(finished, place);
            if (await AddAsync(id, place) is not null)
            {
                throw RpcFailure.FailedPrecondition("MODEL_FAILED", $"What was trained as {Collection}{id} cannot be served; the log says why.");
            }
        }
        catch
        {
            Restore(id, place, aside);
            throw;
        }

        if (aside is not null)
        {
            Directory.Delete(aside, recursive: true);
        }
    }

    private void Restore(string id, string place, string? aside)
    {
        if (Directory.Exists(place))
        {
            Directory.Delete(place, recursive: true);
        }

        if (aside is not null)
        {
            Directory.Move(aside, place);
        }
        else
        {
            _models.TryRemove(id, out _);
        }
    }

    // The state is the service's own: what a link there leads to is not.
    private bool IsOurs(string id, string folder)
    {
        if (new DirectoryInfo(folder).LinkTarget is null && Directory.EnumerateFiles(folder).All(file => new FileInfo(file).LinkTarget is null))
        {
            return true;
        }

        StudentLog.ModelRefused(logger, id, "it is a link, or holds one");
        return false;
    }

    // What a process left that was killed: runs that it did not finish, and a model that it had set aside for another.
    private void CleanUp()
    {
        foreach (var unfinished in Directory.GetDirectories(state.Folder("unfinished")))
        {
            Directory.Delete(unfinished, recursive: true);
        }

        var models = state.Folder("models");
        foreach (var aside in Directory.GetDirectories(models).Where(path => Aside().IsMatch(Path.GetFileName(path))))
        {
            var place = Path.Combine(models, Path.GetFileName(aside).Split('.')[0]);
            if (Directory.Exists(place))
            {
                Directory.Delete(aside, recursive: true);
            }
            else
            {
                Directory.Move(aside, place);
            }
        }
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

    /// <summary>Checks the operator's models.</summary>
    /// <param name="options">What the operator has set.</param>
    /// <param name="state">Where other models are.</param>
    /// <exception cref="InvalidOperationException">One cannot be there; the message names the setting.</exception>
    public static void Check(StudentOptions options, StateDirectory state)
    {
        foreach (var (id, path) in options.Models)
        {
            if (IsId(id) && Directory.Exists(Path.Combine(state.Folder("models"), id)))
            {
                throw new InvalidOperationException($"Models:{id}: the state directory has a model of this id too; choose another.");
            }

            if (!IsId(id) || !Directory.Exists(path))
            {
                throw new InvalidOperationException($"Models:{id}: {(IsId(id) ? $"there is no folder '{path}'" : "an id has 1 to 63 of a-z, 0-9 and '-', a letter first")}.");
            }
        }
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

    // An id, and the guid under which a model was set aside.
    [GeneratedRegex(@"^[a-z][a-z0-9-]{0,62}\.[0-9a-f]{32}$", RegexOptions.CultureInvariant)]
    private static partial Regex Aside();
}
