using System.Data.Common;
using System.Threading.Channels;

namespace DistillGrpc.Teacher.Storage;

/// <summary>
/// Writes of many callers, several in one transaction: a caller goes on when its write is on the disk, and the disk is
/// synced once for all that came meanwhile. Writes run one after another, on one thread.
/// </summary>
internal sealed class GroupCommit : IAsyncDisposable
{
    /// <summary>Most writes of one transaction.</summary>
    private const int MaxBatch = 1024;

    private readonly Channel<Write> _queue = Channel.CreateBounded<Write>(new BoundedChannelOptions(MaxBatch * 4) { SingleReader = true });
    private readonly TaskCompletionSource _ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly DbConnection _connection;

    /// <summary>Begins to take writes.</summary>
    /// <param name="connection">An open connection, used for nothing else; disposed at the end.</param>
    public GroupCommit(DbConnection connection)
    {
        _connection = connection;
        new Thread(Run) { IsBackground = true, Name = "group commit" }.Start();
    }

    /// <summary>Writes, and gives what the write gave when it is on the disk.</summary>
    /// <param name="write">Runs inside the transaction; where it throws, nothing that it did is kept, and others' writes are.</param>
    /// <param name="cancellationToken">Looked at before the write begins; afterwards it is carried out.</param>
    /// <exception cref="DbException">The database refused; nothing was kept.</exception>
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
        await _connection.DisposeAsync();
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
        try
        {
            CommitTogether(batch);
        }
        catch (Exception failure)
        {
            if (batch.Count == 1)
            {
                batch[0].Failed(failure);
                return;
            }

            // One of them may be to blame: each by itself.
            foreach (var write in batch)
            {
                Commit([write]);
            }
        }
    }

    private void CommitTogether(List<Write> batch)
    {
        using (var transaction = _connection.BeginTransaction())
        {
            foreach (var write in batch)
            {
                write.Apply(transaction);
            }

            transaction.Commit();
        }

        foreach (var write in batch)
        {
            write.Done();
        }
    }

    private sealed record Write(Action<DbTransaction> Apply, Action Done, Action<Exception> Failed, CancellationToken Cancelled);
}
