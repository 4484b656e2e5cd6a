using System.Data.Common;

namespace DistillGrpc.Teacher.Storage;

/// <summary>
/// This process, as those that share the database see it: alive until a time by the database's clock, which every transaction
/// sets anew. One that comes too late is dead for the others, who may have taken what was its own: it goes on under a new id.
/// Written by the thread that writes, read by all.
/// </summary>
internal sealed class Owner(IDialect dialect, TimeSpan lease, TimeProvider time)
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private volatile Term _term = new("", new CancellationTokenSource());
    private bool _isAbandoned = true;
    private long _writes;

    /// <summary>The id now.</summary>
    public string Id => _term.Id;

    /// <summary>Ends with the id. Who takes it before the id misses no end.</summary>
    public CancellationToken Lost => _term.End.Token;

    /// <summary>Begins a transaction: it is the only one that writes, and the process is alive.</summary>
    public void Enter(DbTransaction transaction)
    {
        _writes++;
        var renewed = transaction.Execute(
            $"{dialect.LockWriters}; UPDATE owners SET alive_until = {dialect.Now} + @lease, writes = @writes WHERE id = @id AND alive_until > {dialect.Now}",
            ("@lease", (long)lease.TotalMilliseconds), ("@writes", _writes), ("@id", _isAbandoned ? "" : Id));
        if (renewed < 1)
        {
            var lost = _term;
            _term = new Term($"{Guid.NewGuid():n}", new CancellationTokenSource());
            _isAbandoned = false;
            transaction.Execute(
                $"INSERT INTO owners (id, alive_until, writes) VALUES (@id, {dialect.Now} + @lease, @writes)",
                ("@id", Id), ("@lease", (long)lease.TotalMilliseconds), ("@writes", _writes));
            _ = lost.End.CancelAsync();
        }
    }

    /// <summary>
    /// Whether the last transaction was committed, when the connection broke while it was asked; null where that cannot be told.
    /// Then the id is given up: what was reserved under it counts as spent when its time is over.
    /// </summary>
    /// <param name="open">Opens a connection; tried for as long as the process counts as alive.</param>
    public bool? HasCommitted(Func<DbConnection> open)
    {
        var started = time.GetTimestamp();
        while (time.GetElapsedTime(started) < lease)
        {
            try
            {
                using var connection = open();
                using var transaction = connection.BeginTransaction();
                // It has ended when another may write.
                transaction.Execute(dialect.LockWriters);
                if (transaction.Scalar("SELECT writes FROM owners WHERE id = @id", ("@id", Id)) is long writes)
                {
                    return writes == _writes;
                }

                break;
            }
            catch (DbException)
            {
                Task.Delay(Pause, time).GetAwaiter().GetResult();
            }
        }

        _isAbandoned = true;
        return null;
    }

    private sealed record Term(string Id, CancellationTokenSource End);
}
