using System.Collections.Concurrent;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Serving;

namespace DistillGrpc.Student.Models;

/// <summary>The models that the Student has: those in its state directory, and those that the operator has named. Versions with an alias are loaded.</summary>
internal sealed class ModelCatalog(StudentOptions options, ModelServing serving, StateDirectory state, ILogger<ModelCatalog> logger) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, CatalogModel> _models = new(StringComparer.Ordinal);
    private readonly TaskCompletionSource _loaded = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly SemaphoreSlim _changing = new(1);

    /// <summary>All models, by id.</summary>
    public IEnumerable<CatalogModel> All => _models.Values.OrderBy(model => model.Id, StringComparer.Ordinal);

    /// <summary>Ends when everything there was at the start is loaded, or known not to be.</summary>
    public Task Loaded => _loaded.Task;

    /// <summary>Loads and warms up everything that has an alias; what cannot be loaded is FAILED and says why.</summary>
    public async Task LoadAllAsync()
    {
        var stored = new StoredModels(state, logger).Open();
        await Task.WhenAll(options.Models.Select(named => new CatalogModel(named.Key, named.Value)).Concat(stored).Select(async model =>
        {
            _models[model.Id] = model;
            await Task.WhenAll(model.Aliases.Values.Distinct().Select(number => LoadAsync(model, number)));
        }));
        _loaded.TrySetResult();
    }

    /// <summary>Makes a version from a finished folder, which is moved, and serves it; where that fails all is as it was.</summary>
    /// <param name="id">The model.</param>
    /// <param name="finished">The folder.</param>
    /// <param name="alias">The alias that the version gets.</param>
    /// <returns>The version's name.</returns>
    /// <exception cref="Grpc.Core.RpcException">FAILED_PRECONDITION where it cannot be served, or the model is the operator's.</exception>
    public async Task<string> InstallAsync(string id, string finished, string alias)
    {
        await _changing.WaitAsync();
        try
        {
            var isNew = !_models.TryGetValue(id, out var model);
            model ??= new CatalogModel(id, new ModelFolder(Path.Combine(state.Folder(StoredModels.Folder), id)));
            var number = Owned(model).Publish(finished);
            if (await LoadAsync(model, number) is { } failure)
            {
                await UnloadAsync(model, number);
                Withdraw(model, number, isNew);
                var why = failure is InvalidDataException ? failure.Message : "the log says why.";
                throw RpcFailure.FailedPrecondition("MODEL_FAILED", $"What was made as {ModelName.Of(id)} cannot be served: {why}");
            }

            await AliasAsync(model, alias, number);
            if (isNew)
            {
                _models[id] = model;
            }

            Retire(model);
            return ModelName.Of(id, number);
        }
        finally
        {
            _changing.Release();
        }
    }

    /// <summary>Gives an alias to a version, or takes it away with null.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND, or FAILED_PRECONDITION where the version cannot be loaded; then all is as it was.</exception>
    public Task<Model> SetAliasAsync(string id, string alias, int? number) => ChangeAsync(id, async model =>
    {
        if (number is { } given)
        {
            await RequireLoadedAsync(model, given);
        }

        await AliasAsync(model, alias, number ?? (model.Aliases.ContainsKey(alias) ? null : throw RpcFailure.NotFound("ALIAS_NOT_FOUND", $"{ModelName.Of(id)} has no alias '{alias}'.")));
        return model.Describe();
    });

    /// <summary>Loads a version, which stays so until it is unloaded.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND, or FAILED_PRECONDITION where it cannot be loaded; then all is as it was.</exception>
    public Task<Model> LoadVersionAsync(string id, int number) => ChangeAsync(id, async model =>
    {
        await RequireLoadedAsync(model, number);
        model.Pin(number, isPinned: true);
        return model.Describe();
    });

    /// <summary>Unloads a version that has no alias; what waits for it is answered first.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND, or FAILED_PRECONDITION where it has an alias.</exception>
    public Task<Model> UnloadVersionAsync(string id, int number) => ChangeAsync(id, async model =>
    {
        await ReleaseAsync(model, number);
        return model.Describe();
    });

    /// <summary>Says how requests under a model's plain name are divided; null for not at all.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND, or FAILED_PRECONDITION where the model is the operator's.</exception>
    public Task<Model> SetTrafficAsync(string id, TrafficPolicy? policy) => ChangeAsync(id, model =>
    {
        model.SetTraffic(policy);
        return Task.FromResult(model.Describe());
    });

    /// <summary>Removes a version that has no alias.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND, or FAILED_PRECONDITION where it has an alias.</exception>
    public Task DeleteVersionAsync(string id, int number) => ChangeAsync(id, async model =>
    {
        await ReleaseAsync(model, number);
        model.Folder!.Delete(number);
        return true;
    });

    /// <summary>Removes a model; what waits for it is answered first.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND, or FAILED_PRECONDITION where it is the operator's.</exception>
    public Task DeleteAsync(string id) => ChangeAsync(id, async model =>
    {
        _models.TryRemove(id, out _);
        foreach (var number in model.Served.Keys)
        {
            await UnloadAsync(model, number);
        }

        model.Folder!.Delete();
        return true;
    });

    /// <summary>The version that a request names.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, NOT_FOUND, or FAILED_PRECONDITION.</exception>
    public ServedModel Find(string name, string field)
    {
        var (model, version) = FindModel(name, field);
        return model.Find(version);
    }

    /// <summary>The model of a name, and the version that it asks for.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT or NOT_FOUND.</exception>
    public (CatalogModel Model, ModelName Version) FindModel(string name, string field)
    {
        if (name.Length == 0)
        {
            name = options.DefaultModel.Length > 0 ? ModelName.Of(options.DefaultModel)
                : _models.Count == 1 ? ModelName.Of(_models.Keys.First())
                : throw RpcFailure.InvalidArgument(field, "name one: there is no default");
        }

        var parsed = ModelName.Parse(name, field);
        return _models.TryGetValue(parsed.Id, out var model) ? (model, parsed) : throw RpcFailure.NotFound("MODEL_NOT_FOUND", $"There is no model '{ModelName.Of(parsed.Id)}'.");
    }

    /// <summary>Whether what a name asks for answers now; null where there is none. Waits for nothing.</summary>
    public bool? IsServing(ModelName name) => _models.TryGetValue(name.Id, out var model) ? model.IsServing(name) : null;

    /// <summary>The version of a model that a job made, or null.</summary>
    public int? MadeBy(string id, string job) => _models.TryGetValue(id, out var model)
        ? model.Numbers.Where(number => ModelFolder.LineageOf(model.PlaceOf(number))?.Job == job).Select(number => (int?)number).FirstOrDefault()
        : null;

    /// <summary>Refuses a model to which nothing can be added.</summary>
    /// <exception cref="Grpc.Core.RpcException">FAILED_PRECONDITION where it is the operator's.</exception>
    public void RequireOwned(string id)
    {
        if (_models.TryGetValue(id, out var model))
        {
            Owned(model);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var served in _models.Values.SelectMany(model => model.Served.Values))
        {
            await served.DisposeAsync();
        }

        _changing.Dispose();
    }

    private async Task<T> ChangeAsync<T>(string id, Func<CatalogModel, Task<T>> change)
    {
        await _changing.WaitAsync();
        try
        {
            var (model, _) = FindModel(ModelName.Of(id), "name");
            Owned(model);
            return await change(model);
        }
        finally
        {
            _changing.Release();
        }
    }

    // Gives the failure, or null. What was loaded and has failed is read anew.
    private async Task<Exception?> LoadAsync(CatalogModel model, int number)
    {
        if (model.Served.GetValueOrDefault(number)?.HasFailed == true)
        {
            // What has failed may have been mended, and is tried anew.
            await UnloadAsync(model, number);
        }

        var failure = await model.Load(number, serving).Loaded;
        if (failure is InvalidDataException)
        {
            StudentLog.ModelRefused(logger, model.Id, failure.Message);
        }
        else if (failure is not null)
        {
            StudentLog.ModelFailed(logger, failure, ModelName.Of(model.Id));
        }

        return failure;
    }

    private async Task RequireLoadedAsync(CatalogModel model, int number)
    {
        if (await LoadAsync(model, model.NumberOf(new ModelName(model.Id, null, number))) is { } failure)
        {
            if (!model.Kept.Contains(number))
            {
                await UnloadAsync(model, number);
            }

            throw RpcFailure.FailedPrecondition("MODEL_FAILED", $"{ModelName.Of(model.Id, number)} could not be loaded: {(failure is InvalidDataException ? failure.Message : "the log says why.")}");
        }
    }

    private static async Task ReleaseAsync(CatalogModel model, int number)
    {
        model.NumberOf(new ModelName(model.Id, null, number));
        if (model.Aliases.Where(alias => alias.Value == number).Select(alias => alias.Key).FirstOrDefault() is { } alias)
        {
            throw RpcFailure.FailedPrecondition("VERSION_HAS_ALIAS", $"{ModelName.Of(model.Id, number)} has the alias '{alias}': give it to another version, or take it away first.");
        }

        model.Pin(number, isPinned: false);
        await UnloadAsync(model, number);
    }

    private static async Task UnloadAsync(CatalogModel model, int number)
    {
        if (model.Take(number) is { } served)
        {
            await served.DisposeAsync();
        }
    }

    // The version answers already; the one that had the alias goes on until nobody waits for it.
    private static async Task AliasAsync(CatalogModel model, string alias, int? number)
    {
        model.SetAlias(alias, number);
        foreach (var unused in model.Served.Keys.Except(model.Kept).ToArray())
        {
            await UnloadAsync(model, unused);
        }
    }

    // A model without any version is none.
    private static void Withdraw(CatalogModel model, int number, bool isNew)
    {
        if (isNew)
        {
            model.Folder!.Delete();
        }
        else
        {
            model.Folder!.Delete(number);
        }
    }

    // Old versions that no alias keeps.
    private void Retire(CatalogModel model)
    {
        foreach (var old in model.Numbers.Except(model.Kept).Skip(options.KeptVersions).ToArray())
        {
            model.Folder!.Delete(old);
        }
    }

    private static ModelFolder Owned(CatalogModel model) =>
        model.Folder ?? throw RpcFailure.FailedPrecondition("MODEL_OF_OPERATOR", $"{ModelName.Of(model.Id)} is a folder that the operator has named (setting Models:{model.Id}): it is not changed.");
}
