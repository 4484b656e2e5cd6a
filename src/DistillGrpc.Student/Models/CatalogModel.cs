using System.Collections.Immutable;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Serving;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Student.Models;

/// <summary>A model of the catalog: its folder, and the versions that are loaded. Changed by one caller at a time, read by any.</summary>
internal sealed class CatalogModel
{
    private static readonly ImmutableSortedDictionary<string, int> OnlyOne = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, [KeyValuePair.Create(ModelName.Stable, 1)]);
    private readonly string _path;
    private ImmutableDictionary<int, ServedModel> _served = ImmutableDictionary<int, ServedModel>.Empty;
    private ImmutableSortedDictionary<string, int> _aliases;
    private ImmutableHashSet<int> _pinned = [];
    private volatile ModelDivision? _division;

    /// <summary>A model of the state directory.</summary>
    public CatalogModel(string id, ModelFolder folder)
    {
        (Id, Folder, _path) = (id, folder, "");
        _aliases = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, folder.Aliases);
        Divide(folder.Traffic);
    }

    /// <summary>A folder that the operator has named: one version, which nobody changes.</summary>
    public CatalogModel(string id, string path) => (Id, _path, _aliases) = (id, path, OnlyOne);

    /// <summary>Its id.</summary>
    public string Id { get; }

    /// <summary>Its folder; null where it is the operator's.</summary>
    public ModelFolder? Folder { get; }

    /// <summary>Version numbers by alias.</summary>
    public IReadOnlyDictionary<string, int> Aliases => _aliases;

    /// <summary>Versions that somebody has had loaded, with or without an alias.</summary>
    public IReadOnlySet<int> Pinned => _pinned;

    /// <summary>Versions that stay loaded.</summary>
    public IEnumerable<int> Kept => _aliases.Values.Union(_pinned);

    /// <summary>How requests under its plain name are divided, or null.</summary>
    public ModelDivision? Division => _division;

    /// <summary>The versions that are loaded, or are being loaded.</summary>
    public IReadOnlyDictionary<int, ServedModel> Served => _served;

    /// <summary>The numbers of its versions, the newest first.</summary>
    public IReadOnlyList<int> Numbers => Folder?.Numbers ?? [1];

    /// <summary>Where a version's files are.</summary>
    public string PlaceOf(int number) => Folder?.PlaceOf(number) ?? _path;

    /// <summary>Begins to load a version, unless it is.</summary>
    public ServedModel Load(int number, ModelServing serving)
    {
        if (!_served.TryGetValue(number, out var served))
        {
            served = serving.Start(ModelName.Of(Id, number), PlaceOf(number));
            _served = _served.Add(number, served);
        }

        return served;
    }

    /// <summary>Takes a version that is no longer to answer, or null where it is not loaded. What waits for it is answered when it is disposed.</summary>
    public ServedModel? Take(int number)
    {
        var served = _served.GetValueOrDefault(number);
        _served = _served.Remove(number);
        return served;
    }

    /// <summary>Gives an alias to a version, or takes it away with null; it is on the disk when this returns.</summary>
    public void SetAlias(string alias, int? number)
    {
        Folder!.SetAlias(alias, number);
        _aliases = ImmutableSortedDictionary.CreateRange(StringComparer.Ordinal, Folder.Aliases);
        Compare(_division);
    }

    /// <summary>Has a version stay loaded without an alias, or no longer.</summary>
    public void Pin(int number, bool isPinned) => _pinned = isPinned ? _pinned.Add(number) : _pinned.Remove(number);

    /// <summary>Says how requests under its plain name are divided, null for not at all; it is on the disk when this returns, and counting begins anew.</summary>
    public void SetTraffic(TrafficPolicy? policy)
    {
        Folder!.SetTraffic(policy);
        Divide(policy);
    }

    /// <summary>The version that a name asks for.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND, or FAILED_PRECONDITION where it is not loaded.</exception>
    public int NumberOf(ModelName name)
    {
        if (name.Number is { } number)
        {
            return PlaceExists(number) ? number : throw RpcFailure.NotFound("VERSION_NOT_FOUND", $"There is no {ModelName.Of(Id, number)}.");
        }

        return _aliases.TryGetValue(name.Alias ?? ModelName.Stable, out var aliased) ? aliased
            : name.Alias is not null ? throw RpcFailure.NotFound("ALIAS_NOT_FOUND", $"{ModelName.Of(Id)} has no alias '{name.Alias}'.")
            : throw RpcFailure.FailedPrecondition("NO_STABLE_VERSION", $"No version of {ModelName.Of(Id)} has the alias '{ModelName.Stable}': give it to one, or name a version.");
    }

    /// <summary>A version that answers, or will.</summary>
    /// <exception cref="Grpc.Core.RpcException">As <see cref="NumberOf"/>, and FAILED_PRECONDITION where it is not loaded.</exception>
    public ServedModel Find(ModelName name)
    {
        var number = NumberOf(name);
        var served = _served.GetValueOrDefault(number);
        while (served is null && NumberOf(name) is var now && now != number)
        {
            // The alias has gone to another version just now.
            (number, served) = (now, _served.GetValueOrDefault(now));
        }

        return served ?? throw RpcFailure.FailedPrecondition("VERSION_UNLOADED", $"{ModelName.Of(Id, number)} is not loaded: give it an alias, or have it loaded.");
    }

    /// <summary>Whether what a name asks for answers now; null where there is no such version or alias.</summary>
    public bool? IsServing(ModelName name)
    {
        var number = name.Number ?? (_aliases.TryGetValue(name.Alias ?? ModelName.Stable, out var aliased) ? aliased : null);
        return number is not { } asked ? (name.Alias is null ? false : null)
            : _served.TryGetValue(asked, out var served) ? served.IsServing
            : name.Number is null || Directory.Exists(PlaceOf(asked)) ? false : null;
    }

    public Model Describe()
    {
        var model = _aliases.TryGetValue(ModelName.Stable, out var stable) && _served.GetValueOrDefault(stable) is { } answering ? answering.Describe() : new Model { State = ModelState.Unloaded };
        model.Name = ModelName.Of(Id);
        model.Aliases.Add(_aliases);
        model.Versions.AddRange(Numbers.Select(Version));
        (model.Traffic, model.TrafficStatus) = (_division?.Policy.Describe(), _division?.Describe());
        return model;
    }

    private ModelVersion Version(int number)
    {
        var (place, loaded) = (new DirectoryInfo(PlaceOf(number)), _served.GetValueOrDefault(number));
        var served = loaded?.Describe();
        var answering = served?.State == ModelState.Serving ? loaded!.Model : null;
        return new ModelVersion
        {
            Name = ModelName.Of(Id, number),
            State = served?.State ?? ModelState.Unloaded,
            Failure = served?.Failure ?? "",
            CreateTime = place.Exists ? Timestamp.FromDateTime(place.LastWriteTimeUtc) : null,
            Bytes = place.Exists ? place.EnumerateFiles().Sum(file => file.Length) : 0,
            Lineage = ModelFolder.LineageOf(place.FullName),
            Engine = answering?.Engine.Name ?? "",
            Int8Refusal = answering?.Int8Refusal ?? "",
            Int8Check = Int8Record.Of(place.FullName),
            Pinned = _pinned.Contains(number),
            Calibration = CalibrationRecord.Of(place.FullName),
        };
    }

    private void Divide(TrafficPolicy? policy)
    {
        var division = policy is null ? null : new ModelDivision(policy);
        Compare(division);
        _division = division;
    }

    private void Compare(ModelDivision? division) => division?.Compare(NameOf(ModelName.Stable), NameOf(division.Policy.ShadowAlias));

    private string? NameOf(string alias) => _aliases.TryGetValue(alias, out var number) ? ModelName.Of(Id, number) : null;

    private bool PlaceExists(int number) => Numbers.Contains(number);
}
