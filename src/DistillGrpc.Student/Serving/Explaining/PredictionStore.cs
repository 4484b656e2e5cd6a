using System.Collections.Concurrent;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Serving.Requests;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>
/// Keeps predictions for those who ask later why. Whoever answers puts one into memory, and never waits for the disk: a few times a second what has come is written
/// together. A process that is killed loses what it has answered in its last second at most. Where the disk fails, predictions are answered and not kept.
/// </summary>
internal sealed class PredictionStore : IAsyncDisposable
{
    private const string FileName = "predictions.db";
    private const int MostAtOnce = 1000;
    private static readonly TimeSpan WriteInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan RetryInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan TidyInterval = TimeSpan.FromMinutes(1);

    private readonly StudentOptions _options;
    private readonly TimeProvider _time;
    private readonly ILogger<PredictionStore> _logger;
    private readonly string _path;

    // What is not on the disk yet, and the order in which it came.
    private readonly ConcurrentDictionary<string, KeptPrediction> _unwritten = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> _order = new();
    private readonly PredictionReader _reader;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _writing;
    private PredictionDatabase? _database;
    private DateTimeOffset _tidied = DateTimeOffset.MinValue;
    private DateTimeOffset _overwritten = DateTimeOffset.MinValue;
    private DateTimeOffset _retryAt = DateTimeOffset.MinValue;
    private volatile bool _isBroken;
    private long _unwrittenBytes;

    public PredictionStore(StudentOptions options, StateDirectory state, TimeProvider time, ILogger<PredictionStore> logger)
    {
        (_options, _time, _logger, _path) = (options, time, logger, Path.Combine(state.Root, FileName));
        _reader = new PredictionReader(_path);
        if (KeepsNone)
        {
            Forget();
        }
        else
        {
            Write();
        }

        _writing = KeepsNone ? Task.CompletedTask : WriteAsync();
    }

    private bool KeepsNone => _options.PredictionRetention == TimeSpan.Zero;

    /// <summary>Keeps a label that a version gives; costs the caller no more than memory.</summary>
    /// <returns>The prediction's name; empty where it is not kept.</returns>
    public string Keep(ServedModel served, Ask ask, string label)
    {
        if (KeepsNone || !ask.Stores || served.Card.LacksRationales)
        {
            return "";
        }

        if (_isBroken)
        {
            ExplainMetrics.Broken();
            return "";
        }

        var id = PredictionId.New();
        var isWhole = _options.StoreInputs;
        var rationale = served.Card.Form == PredictionForm.LabelFromRationale ? ask.GivenRationale : "";
        var prediction = new KeptPrediction
        {
            Model = served.Name,
            Fingerprint = served.Fingerprint,
            Segments = isWhole ? ask.Segments : [],
            InputHash = isWhole ? [] : PredictionId.HashOf(id, ask.Segments, rationale),
            Label = label,
            Rationale = isWhole ? rationale : "",
            Time = _time.GetUtcNow(),
        };
        if (!TakeRoom(prediction.Bytes))
        {
            ExplainMetrics.NoRoom();
            return "";
        }

        _unwritten[id] = prediction;
        _order.Enqueue(id);
        ExplainMetrics.Kept();
        return PredictionId.NameOf(id);
    }

    /// <summary>What is kept of a prediction.</summary>
    /// <exception cref="Grpc.Core.RpcException">NOT_FOUND where it is not kept, or no longer; UNAVAILABLE where the disk fails.</exception>
    public async Task<KeptPrediction> FindAsync(string id, CancellationToken cancellationToken)
    {
        if (KeepsNone)
        {
            throw RpcFailure.NotFound("PREDICTION_NOT_FOUND", "This Student keeps no predictions (setting PredictionRetention).");
        }

        var kept = _unwritten.GetValueOrDefault(id) ?? await FindOnDiskAsync(id, cancellationToken);
        return kept is not null && kept.Time > _time.GetUtcNow() - _options.PredictionRetention
            ? kept
            : throw RpcFailure.NotFound("PREDICTION_NOT_FOUND", $"There is no such prediction, or no longer: they are kept for {Text(_options.PredictionRetention)}, and at most {_options.MaxKeptPredictions} of them.");
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _writing;
        if (!KeepsNone)
        {
            // All that is left, however much.
            while (Write() && !_unwritten.IsEmpty)
            {
            }
        }

        _database?.Dispose();
        _reader.Dispose();
        _stop.Dispose();
    }

    private bool TakeRoom(long bytes)
    {
        if (bytes > _options.MaxKeptPredictionBytes || Interlocked.Add(ref _unwrittenBytes, bytes) <= _options.MaxUnwrittenPredictionBytes)
        {
            return bytes <= _options.MaxKeptPredictionBytes;
        }

        Interlocked.Add(ref _unwrittenBytes, -bytes);
        return false;
    }

    private async Task WriteAsync()
    {
        using var timer = new PeriodicTimer(WriteInterval, _time);
        try
        {
            while (await timer.WaitForNextTickAsync(_stop.Token))
            {
                while (Write() && _order.Count >= MostAtOnce)
                {
                }
            }
        }
        catch (OperationCanceledException)
        {
            // The rest is written by whoever stops it.
        }
    }

    // By one caller at a time; whether anything was written.
    private bool Write()
    {
        var now = _time.GetUtcNow();
        var isDue = _isBroken ? now >= _retryAt || _stop.IsCancellationRequested : !_order.IsEmpty || now - _tidied >= TidyInterval;
        if (!isDue)
        {
            return false;
        }

        try
        {
            _database ??= new PredictionDatabase(_path, _options.StoreInputs);
            string[] ids = [.. _order.Take(MostAtOnce)];
            _database.Write(ids.Select(id => (id, _unwritten[id])), now - _options.PredictionRetention, _options.MaxKeptPredictions, _options.MaxKeptPredictionBytes);
            _tidied = now;
            Written(ids);
            if (now - _overwritten >= TidyInterval && _database.Overwrite())
            {
                _overwritten = now;
            }

            return true;
        }
        catch (Exception failure)
        {
            Fail(failure, now);
            return false;
        }
    }

    // It is on the disk: only now may memory forget it.
    private void Written(string[] ids)
    {
        foreach (var id in ids)
        {
            _order.TryDequeue(out _);
            if (_unwritten.TryRemove(id, out var prediction))
            {
                Interlocked.Add(ref _unwrittenBytes, -prediction.Bytes);
            }
        }

        if (_isBroken)
        {
            _isBroken = false;
            StudentLog.PredictionsKeptAgain(_logger);
        }
    }

    private void Fail(Exception failure, DateTimeOffset now)
    {
        _database?.Dispose();
        _database = null;
        _retryAt = now + RetryInterval;
        if (!_isBroken)
        {
            _isBroken = true;
            StudentLog.PredictionsNotKept(_logger, failure);
        }
    }

    // Beside the writer: neither what it writes nor what it cannot write is waited for.
    private async Task<KeptPrediction?> FindOnDiskAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            return await _reader.FindAsync(id, cancellationToken);
        }
        catch (Exception failure) when (failure is not OperationCanceledException)
        {
            StudentLog.PredictionsNotRead(_logger, failure);
            throw RpcFailure.Unavailable("PREDICTIONS_UNAVAILABLE", "The kept predictions cannot be read; the Student's log says why.", RetryInterval);
        }
    }

    // What was kept before the operator has switched it off.
    private void Forget()
    {
        try
        {
            foreach (var file in new[] { _path, $"{_path}-wal", $"{_path}-shm" })
            {
                File.Delete(file);
            }
        }
        catch (Exception failure) when (failure is IOException or UnauthorizedAccessException)
        {
            StudentLog.PredictionsNotKept(_logger, failure);
        }
    }

    private static string Text(TimeSpan time) => time.TotalHours >= 1 ? FormattableString.Invariant($"{time.TotalHours:0.##} hours") : FormattableString.Invariant($"{time.TotalSeconds:0.##} seconds");
}
