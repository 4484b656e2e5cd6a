using System.Data;
using System.Data.Common;
using System.Threading.Channels;

namespace DistillGrpc.Teacher.Storage;

/// <summary>
/// Writes of many callers, several in one transaction: a caller goes on when its write is on the disk, and the disk is
/// synced once for all that came meanwhile. Writes run one after another, on one thread and one connection, which is opened
/// anew where it was lost.
/// </summary>
internal sealed class GroupCommit : IAsyncDisposable
{
    /// <summary>Most writes of one transaction.</summary>
    private const int MaxBatch = 1024;

    private readonly Channel<Write> _queue = Channel.CreateBounded<Write>(new BoundedChannelOptions(MaxBatch * 4) { SingleReader = true });
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly Func<DbConnection> _open;
    private readonly Owner? _owner;
    private DbConnection? _connection;
    private bool _isCommitting;

    /// <summary>Begins to take writes.</summary>
    /// <param name="open">Opens a connection, used for nothing else.</param>
    /// <param name="owner">Who writes, where others write too.</param>
    public GroupCommit(Func<DbConnection> open, Owner? owner = null)
    {
        (_open, _owner) = (open, owner);
        new Thread(Run) { IsBackground = true, Name = "group commit" }.Start();
    }

    /// <summary>Writes, and gives what the write gave when it is on the disk.</summary>
    /// <param name="write">Runs inside the transaction, and once more where that was undone; where it throws, nothing that it did is kept, and others' writes are.</param>
    /// <param name="cancellationToken">Looked at before the transaction begins; afterwards it is carried out.</param>
    /// <exception cref="OutcomeUnknownException">The database was lost, and nobody knows whether before or after the commit.</exception>
    /// <exception cref="DbException">The database refused, or cannot be reached; nothing was kept.</exception>
    public async Task<T> WriteAsync<T>(Func<DbTransaction, T> write, CancellationToken cancellationToken)
    {
        var done = new TaskCompletionSource<T>(TaskCreationOptions.RunContinuationsAsynchronously);
        var result = default(T);
        await _queue.Writer.WriteAsync(
            new Write(
                transaction => result = write(transaction),
                () => done.TrySetResult(result!),
                failure => done.TrySetException(failure),
                cancellationToken),
            cancellationToken);
        return await done.Task;
    }

    public async ValueTask DisposeAsync()
    {
        _queue.Writer.TryComplete();
        await _ended.Task;
        Drop();
    }

    private void Run()
    {
        var batch = new List<Write>();
        while (_queue.Reader.WaitToReadAsync().AsTask().GetAwaiter().GetResult())
        {
            batch.Clear();
            while (batch.Count < MaxBatch && _queue.Reader.TryRead(out var write))
            {
                if (write.Cancelled.IsCancellationRequested)
                {
                    write.Failed(new OperationCanceledException(write.Cancelled));
                }
                else
                {
                    batch.Add(write);
                }
            }

            if (batch.Count > 0)
            {
                Commit(batch);
            }
        }

        _ended.SetResult();
    }

    private void Commit(List<Write> batch)
    {
        var failure = TryCommit(batch);
        if (failure is not null && _connection is null)
        {
            failure = AfterLoss(batch, failure);
        }

        if (failure is null)
        {
            batch.ForEach(write => write.Done());
        }
        else if (batch.Count == 1 || _connection is null)
        {
            batch.ForEach(write => write.Failed(failure));
        }
        else
        {
            // One of them may be to blame: each by itself.
            batch.ForEach(write => Commit([write]));
        }
    }

    // A connection that had been idle says only now that it is broken: once more, unless that may be for the second time.
    private Exception? AfterLoss(List<Write> batch, Exception failure) => (_isCommitting ? _owner?.HasCommitted(_open) : false) switch
    {
        true => null,
        false => TryCommit(batch),
        null => new OutcomeUnknownException(failure),
    };

    // Leaves no connection where it was lost.
    private Exception? TryCommit(List<Write> batch)
    {
        _isCommitting = false;
        try
        {
            _connection ??= _open();
            using var transaction = _connection.BeginTransaction();
            _owner?.Enter(transaction);
            batch.ForEach(write => write.Apply(transaction));
            _isCommitting = true;
            transaction.Commit();
            return null;
        }
        catch (Exception failure)
        {
            if (_connection is not { State: ConnectionState.Open })
            {
                Drop();
            }

            return failure;
        }
    }

    private void Drop()
    {
        _connection?.Dispose();
        _connection = null;
    }

    private sealed record Write(Action<DbTransaction> Apply, Action Done, Action<Exception> Failed, CancellationToken Cancelled);
}
