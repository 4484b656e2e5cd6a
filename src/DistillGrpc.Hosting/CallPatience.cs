using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;

namespace DistillGrpc.Hosting;

/// <summary>
/// What a call's caller sends, as it is read, and what is written to him, with an eye on the clock. Looking costs one timer for a call that waits at all,
/// and nothing for a message; a limit is kept within a quarter of it.
/// </summary>
internal sealed class CallPatience : PipeReader, IRequestBodyPipeFeature, IDisposable
{
    private static readonly TimeSpan LongestLook = TimeSpan.FromSeconds(15);
    private readonly Lock _lock = new();
    private readonly HttpContext _context;
    private readonly PipeReader _body;
    private readonly ServiceOptions _options;
    private readonly TimeProvider _time;
    private readonly bool _isStream;
    private ReadOnlySequence<byte> _read;
    private ITimer? _timer;
    private Task _writing = Task.CompletedTask;
    private bool _isReading;
    private bool _isInMessage;
    private bool _isCancelling;
    private bool _isOver;
    private long _readingSince;
    private long _stoppedAt;
    private long _writingSince;

    /// <summary>Begins to look at a call.</summary>
    /// <param name="context">The call.</param>
    /// <param name="isStream">Whether the caller may be silent before his first message.</param>
    /// <param name="options">The limits.</param>
    /// <param name="time">The clock.</param>
    public CallPatience(HttpContext context, bool isStream, ServiceOptions options, TimeProvider time)
    {
        (_context, _body, _options, _time) = (context, context.Request.BodyReader, options, time);
        (_isStream, _isInMessage) = (isStream, !isStream);
        _readingSince = _writingSince = time.GetTimestamp();
    }

    /// <summary>The caller was too slow, and nothing more is read of him.</summary>
    public bool HasCancelledReading { get; private set; }

    /// <summary>What the service owes the caller.</summary>
    public OwedAnswers Owed { get; } = new();

    PipeReader IRequestBodyPipeFeature.Reader => this;

    /// <summary>What is written to the caller; one after another.</summary>
    public Task WatchAsync(Task writing)
    {
        lock (_lock)
        {
            (_writing, _writingSince) = (writing, _time.GetTimestamp());
            if (!writing.IsCompleted)
            {
                Look();
            }
        }

        return writing;
    }

    public override ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var reading = _body.ReadAsync(cancellationToken);
        return reading.IsCompletedSuccessfully ? new ValueTask<ReadResult>(Keep(reading.Result)) : WaitAsync(reading);
    }

    public override bool TryRead(out ReadResult result)
    {
        var isRead = _body.TryRead(out result);
        _read = isRead ? result.Buffer : default;
        return isRead;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    // Whoever has looked at all of it and leaves some waits for the rest of a message. The only one of a call is there when the call's end is, too.
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        var goesOn = _isInMessage && (!_isStream || consumed.Equals(_read.Start));
        if (!goesOn)
        {
            lock (_lock)
            {
                (_isInMessage, _readingSince) = (!_read.Slice(consumed).IsEmpty, _time.GetTimestamp());
                _stoppedAt = _readingSince;
            }
        }

        _read = default;
        _body.AdvanceTo(consumed, examined);
    }

    public override void CancelPendingRead() => _body.CancelPendingRead();

    public override void Complete(Exception? exception = null) => _body.Complete(exception);

    public void Dispose()
    {
        lock (_lock)
        {
            _isOver = true;
            _timer?.Dispose();
        }
    }

    private async ValueTask<ReadResult> WaitAsync(ValueTask<ReadResult> reading)
    {
        Reads(true);
        try
        {
            return Keep(await reading);
        }
        finally
        {
            Reads(false);
        }
    }

    private ReadResult Keep(ReadResult result)
    {
        HasCancelledReading |= result.IsCanceled && _isCancelling;
        _read = result.Buffer;
        return result;
    }

    private void Reads(bool isReading)
    {
        lock (_lock)
        {
            var now = _time.GetTimestamp();
            _isReading = isReading;
            if (!isReading)
            {
                _stoppedAt = now;
            }
            else if (!_isInMessage)
            {
                // Silence counts from when somebody listens.
                _readingSince = now;
            }
            else if (_isStream)
            {
                // A message from its first byte, but for the time in which nobody did.
                _readingSince += now - _stoppedAt;
            }

            Look();
        }
    }

    private void Look()
    {
        if (_timer is null && !_isOver && PeriodOf(_options.MessageTimeout, PeriodOf(_options.IdleTimeout, Timeout.InfiniteTimeSpan)) is var period && period > TimeSpan.Zero)
        {
            _timer = _time.CreateTimer(static patience => ((CallPatience)patience!).OnTime(), this, period, period);
        }
    }

    private static TimeSpan PeriodOf(TimeSpan limit, TimeSpan other)
    {
        var period = limit / 4 < LongestLook ? limit / 4 : LongestLook;
        return limit == TimeSpan.Zero || (other > TimeSpan.Zero && other < period) ? other : period;
    }

    // All of it in the lock: when the call is over, the connection's next one may have its context and its body.
    private void OnTime()
    {
        lock (_lock)
        {
            try
            {
                if (_isOver)
                {
                    return;
                }

                if (!_writing.IsCompleted && IsPast(_writingSince, _options.IdleTimeout))
                {
                    // He takes nothing, a status included.
                    _context.Abort();
                }
                else if (!_isCancelling && IsTooSlow())
                {
                    _isCancelling = true;
                    _body.CancelPendingRead();
                }
            }
            catch (Exception)
            {
                // Its connection has ended it in this moment.
            }
        }
    }

    private bool IsTooSlow() => _isReading
        && (_isInMessage ? IsPast(_readingSince, _options.MessageTimeout) : !Owed.Any && IsPast(Math.Max(_readingSince, _writingSince), _options.IdleTimeout));

    private bool IsPast(long since, TimeSpan limit) => limit > TimeSpan.Zero && _time.GetElapsedTime(since) >= limit;
}
