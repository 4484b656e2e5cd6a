using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>
/// The versions that gave the labels which are explained. One that the catalog has loaded is used as it is; any other is loaded for this alone, shared by all who ask for it,
/// and given back when nobody has for a while. The catalog knows nothing of it: an alias may move and a version be removed meanwhile.
/// </summary>
internal sealed class PinnedVersions(ModelCatalog catalog, ModelServing serving, StudentOptions options, TimeProvider time) : IAsyncDisposable
{
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan Grain = TimeSpan.FromMilliseconds(50);
    private readonly Lock _lock = new();
    private readonly Dictionary<(string Version, string Fingerprint), Pinned> _pinned = [];
    private readonly Dictionary<ServedModel, Task> _ending = [];

    /// <summary>What is loaded for this alone, or being loaded, until its memory is given back.</summary>
    public IReadOnlyList<ServedModel> Loaded
    {
        get
        {
            lock (_lock)
            {
                return [.. _pinned.Values.Select(pinned => pinned.Served), .. _ending.Keys];
            }
        }
    }

    /// <summary>A version to explain with.</summary>
    /// <param name="version">Its name.</param>
    /// <param name="fingerprint">What its files were.</param>
    /// <param name="cancellationToken">Nobody waits any more.</param>
    /// <exception cref="Grpc.Core.RpcException">FAILED_PRECONDITION where it is gone, or cannot be loaded; RESOURCE_EXHAUSTED where too many others are being explained with.</exception>
    public async Task<VersionUse> UseAsync(string version, string fingerprint, CancellationToken cancellationToken)
    {
        var (id, number) = ModelName.ParseVersion(version, "prediction");
        var model = catalog.All.FirstOrDefault(model => model.Id == id);
        if (model is null && !catalog.Loaded.IsCompleted)
        {
            throw RpcFailure.Unavailable("MODEL_LOADING", "The models are being loaded.", TimeSpan.FromSeconds(1));
        }

        var place = model?.Numbers.Contains(number) == true ? model.PlaceOf(number) : throw Gone(version);
        if (model.Served.GetValueOrDefault(number) is { } served)
        {
            served.RequireLoaded();
            return served.Fingerprint == fingerprint ? new VersionUse(served, () => { }) : throw Gone(version);
        }

        var pinned = Pin(version, fingerprint, place);
        var use = new VersionUse(pinned.Served, () => Leave(pinned));
        try
        {
            var failure = await pinned.Served.Loaded.WaitAsync(cancellationToken);
            if (pinned.Served.Fingerprint != fingerprint || (failure is not null && !Directory.Exists(place)))
            {
                throw Gone(version);
            }

            pinned.Served.RequireLoaded();
            return use;
        }
        catch
        {
            use.Dispose();
            throw;
        }
    }

    public async ValueTask DisposeAsync()
    {
        Task[] ending;
        lock (_lock)
        {
            foreach (var pinned in _pinned.Values.ToArray())
            {
                End(pinned);
            }

            ending = [.. _ending.Values];
        }

        await Task.WhenAll(ending);
    }

    private Pinned Pin(string version, string fingerprint, string place)
    {
        lock (_lock)
        {
            if (!_pinned.TryGetValue((version, fingerprint), out var pinned))
            {
                MakeRoom();
                pinned = new Pinned((version, fingerprint), serving.Start(version, place));
                pinned.Idle = time.CreateTimer(_ => EndIfIdle(pinned), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
                _pinned.Add(pinned.Key, pinned);
            }

            pinned.Users++;
            return pinned;
        }
    }

    // The one that nobody has used for longest.
    private void MakeRoom()
    {
        if (_pinned.Count < options.MaxPinnedVersions && _ending.Count < options.MaxPinnedVersions)
        {
            return;
        }

        // One that is being read cannot be stopped: to begin another in its place would only be one more.
        var idle = (_ending.Count < options.MaxPinnedVersions ? _pinned.Values.Where(pinned => pinned.Users == 0 && pinned.Served.Loaded.IsCompleted).MinBy(pinned => pinned.LastUsed) : null)
            ?? throw RpcFailure.ResourceExhausted("TOO_MANY_VERSIONS", $"{options.MaxPinnedVersions} other versions that no longer answer are being explained with.", RetryAfter);
        End(idle);
    }

    private void Leave(Pinned pinned)
    {
        lock (_lock)
        {
            (pinned.Users, pinned.LastUsed) = (pinned.Users - 1, time.GetTimestamp());
            if (pinned.Users == 0 && pinned.Served.HasFailed)
            {
                // What could not be loaded, or has failed since, may not the next time.
                if (pinned.Served.Loaded is { IsCompletedSuccessfully: true, Result: { } failure })
                {
                    StudentLog.ModelFailed(serving.Logger, failure, pinned.Served.Name);
                }

                End(pinned);
            }
            else if (pinned.Users == 0)
            {
                pinned.Idle?.Change(options.PinnedVersionIdle, Timeout.InfiniteTimeSpan);
            }
        }
    }

    private void EndIfIdle(Pinned pinned)
    {
        lock (_lock)
        {
            var left = options.PinnedVersionIdle - time.GetElapsedTime(pinned.LastUsed);
            if (pinned.Users == 0 && left <= TimeSpan.Zero && pinned.Served.Loaded.IsCompleted)
            {
                End(pinned);
            }
            else if (pinned.Users == 0 && _pinned.GetValueOrDefault(pinned.Key) == pinned)
            {
                // It is being read yet, or the timer's clock is not as fine as ours.
                pinned.Idle?.Change(left > Grain ? left : Grain, Timeout.InfiniteTimeSpan);
            }
        }
    }

    // Its memory comes back when what it was asked is written.
    private void End(Pinned pinned)
    {
        if (_pinned.GetValueOrDefault(pinned.Key) != pinned)
        {
            return;
        }

        _pinned.Remove(pinned.Key);
        pinned.Idle?.Dispose();
        var ending = pinned.Served.DisposeAsync().AsTask();
        _ending.Add(pinned.Served, ending);
        _ = ending.ContinueWith(_ => Ended(pinned.Served), CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
    }

    private void Ended(ServedModel served)
    {
        lock (_lock)
        {
            _ending.Remove(served);
        }
    }

    private static Grpc.Core.RpcException Gone(string version) =>
        RpcFailure.FailedPrecondition("VERSION_GONE", $"{version}, which gave this label, is no longer there, or is another model by now: nobody can say why it did.");

    private sealed class Pinned((string Version, string Fingerprint) key, ServedModel served)
    {
        public (string Version, string Fingerprint) Key => key;

        public ServedModel Served => served;

        public int Users { get; set; }

        public long LastUsed { get; set; }

        public ITimer? Idle { get; set; }
    }
}
