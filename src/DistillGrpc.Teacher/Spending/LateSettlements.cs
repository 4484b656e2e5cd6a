using System.Collections.Concurrent;
using System.Data.Common;
using System.Threading.Channels;
using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher.Spending;

/// <summary>Settlements that the database did not take, in memory until it does. What the process loses with them counts as spent, as it was reserved.</summary>
/// <param name="database">Where they belong.</param>
/// <param name="settled">Raised when one was written.</param>
/// <param name="time">The clock.</param>
internal sealed class LateSettlements(TeacherDatabase database, Signal settled, TimeProvider time)
{
    private static readonly TimeSpan TryInterval = TimeSpan.FromSeconds(5);
    private readonly ConcurrentQueue<Settlement> _queue = [];
    private readonly SemaphoreSlim _writing = new(1);
    private int _isWatched;

    /// <summary>How many of them have answers.</summary>
    public int Answers => _queue.Count(late => late.Answer is not null);

    /// <summary>Keeps a settlement, to write it as soon as it can be.</summary>
    public void Add(Settlement settlement)
    {
        _queue.Enqueue(settlement);
        if (Interlocked.Exchange(ref _isWatched, 1) == 0)
        {
            _ = WatchAsync();
        }
    }

    /// <summary>Writes them now.</summary>
    /// <exception cref="DbException">The database still does not take them.</exception>
    public async ValueTask WriteAsync(CancellationToken cancellationToken)
    {
        if (_queue.IsEmpty)
        {
            return;
        }

        await _writing.WaitAsync(cancellationToken);
        try
        {
            while (_queue.TryPeek(out var next))
            {
                await next.WriteToAsync(database);
                _queue.TryDequeue(out _);
                settled.Raise();
            }
        }
        catch (OutcomeUnknownException)
        {
            // It may be written: a second time would be wrong.
            _queue.TryDequeue(out _);
            throw;
        }
        finally
        {
            _writing.Release();
        }
    }

    // Whoever asks next may come late, or never.
    private async Task WatchAsync()
    {
        while (true)
        {
            await Task.Delay(TryInterval, time, CancellationToken.None);
            try
            {
                await WriteAsync(CancellationToken.None);
                Volatile.Write(ref _isWatched, 0);
                if (_queue.IsEmpty || Interlocked.Exchange(ref _isWatched, 1) != 0)
                {
                    return;
                }
            }
            catch (DbException)
            {
                // Whoever asks meanwhile hears of it.
            }
            catch (ChannelClosedException)
            {
                // The process ends; what was reserved counts as spent.
                return;
            }
        }
    }
}
