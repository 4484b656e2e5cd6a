using System.Data.Common;
using DistillGrpc.Hosting;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistillGrpc.Teacher.Storage;

/// <summary>
/// What the Teacher must not lose: answers that were paid for, and what was spent. SQLite in the state directory, or PostgreSQL,
/// which several Teachers may share. Each of them is an owner there: what it has begun is others' to take over when it has died.
/// </summary>
internal sealed class TeacherDatabase : IAsyncDisposable
{
    private const int RenewalsPerLease = 4;
    private static readonly TimeSpan Forever = TimeSpan.FromDays(1_000_000);

    private readonly IDialect _dialect;
    private readonly Owner _owner;
    private readonly GroupCommit _writes;
    private readonly ILogger _logger;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _renewal;

    /// <summary>Opens SQLite in a state directory.</summary>
    /// <exception cref="InvalidOperationException">It cannot be used; the message says why.</exception>
    public TeacherDatabase(StateDirectory state)
        : this(new SqliteDialect(state), Forever, TimeProvider.System, NullLogger.Instance)
    {
    }

    /// <summary>Opens a database, or makes it.</summary>
    /// <param name="dialect">Where it is; disposed with the database.</param>
    /// <param name="lease">How long this process counts as alive after a sign of life.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Hears of a database that is lost.</param>
    /// <exception cref="InvalidOperationException">It cannot be used; the message says why.</exception>
    public TeacherDatabase(IDialect dialect, TimeSpan lease, TimeProvider time, ILogger logger)
    {
        (_dialect, _logger) = (dialect, logger);
        _owner = new Owner(dialect, dialect.IsShared ? lease : Forever, time);
        AliveOwners = $"SELECT id FROM owners WHERE alive_until > {dialect.Now}";
        try
        {
            using (var connection = dialect.OpenWriter())
            {
                Schema.Update(connection, dialect);
            }

            _writes = new GroupCommit(dialect.OpenWriter, dialect.IsShared ? _owner : null);
            _writes.WriteAsync<int>(dialect.IsShared ? Bury : Inherit, CancellationToken.None).GetAwaiter().GetResult();
        }
        catch (Exception refused) when (refused is DbException or InvalidOperationException)
        {
            throw new InvalidOperationException($"{dialect.Place} cannot be used: {(refused is DbException failure ? dialect.Explain(failure) : refused.Message)}", refused);
        }

        _renewal = dialect.IsShared ? RenewAsync(lease / RenewalsPerLease, time, _stop.Token) : Task.CompletedTask;
    }

    /// <summary>What differs between the databases.</summary>
    public IDialect Dialect => _dialect;

    /// <summary>
    /// This process in the table of owners; on work that it has begun. It is another one after the process was out of touch for too long. Inside a write it is the one that the
    /// transaction has shown to be alive.
    /// </summary>
    public string Owner => _owner.Id;

    /// <summary>Ends when <see cref="Owner"/> becomes another: what was begun under the old one is others' to take. Take it before <see cref="Owner"/>.</summary>
    public CancellationToken OwnerLost => _owner.Lost;

    /// <summary>A query: the ids of the owners that are alive. For use inside a statement: <c>owner NOT IN (...)</c>.</summary>
    public string AliveOwners { get; }

    /// <summary>Reads, on a connection that is open for the time. Where it was lost, once more on a new one.</summary>
    /// <exception cref="DbException">The database refused, or cannot be reached.</exception>
    public async ValueTask<T> ReadAsync<T>(Func<DbConnection, ValueTask<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            await using var connection = await _dialect.OpenReaderAsync(cancellationToken);
            return await read(connection);
        }
        catch (DbException lost) when (lost.IsTransient)
        {
            _dialect.Refresh();
            await using var connection = await _dialect.OpenReaderAsync(cancellationToken);
            return await read(connection);
        }
    }

    /// <summary>Reads all rows of a query.</summary>
    /// <exception cref="DbException">The database refused, or cannot be reached.</exception>
    public ValueTask<IReadOnlyList<T>> QueryAsync<T>(string sql, Func<DbDataReader, T> read, (string Name, object Value)[] parameters, CancellationToken cancellationToken) => ReadAsync(
        async ValueTask<IReadOnlyList<T>> (connection) =>
        {
            await using var command = connection.Command(sql, parameters);
            await using var reader = await command.ExecuteReaderAsync(cancellationToken);
            var rows = new List<T>();
            while (await reader.ReadAsync(cancellationToken))
            {
                rows.Add(read(reader));
            }

            return rows;
        },
        cancellationToken);

    /// <inheritdoc cref="GroupCommit.WriteAsync"/>
    public Task<T> WriteAsync<T>(Func<DbTransaction, T> write, CancellationToken cancellationToken) => _writes.WriteAsync(write, cancellationToken);

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _renewal;
        try
        {
            await WriteAsync(transaction => transaction.Execute("UPDATE owners SET alive_until = 0 WHERE id = @id", ("@id", Owner)) + Bury(transaction), CancellationToken.None);
        }
        catch (DbException failure)
        {
            // Others bury this one when its time is over.
            DatabaseLog.Unreachable(_logger, _dialect.Place, _dialect.Explain(failure));
        }

        await _writes.DisposeAsync();
        await _dialect.DisposeAsync();
        _stop.Dispose();
    }

    // Nobody else can be alive. What others had reserved may have been spent.
    private int Inherit(DbTransaction transaction)
    {
        transaction.Execute("DELETE FROM owners");
        _owner.Enter(transaction);
        return transaction.Execute("UPDATE accounts SET spent = spent + reserved, reserved = 0 WHERE reserved <> 0");
    }

    // What the dead had reserved may have been spent, and what they asked may be asked again.
    private int Bury(DbTransaction transaction)
    {
        var dead = transaction.Execute($"DELETE FROM owners WHERE alive_until <= {_dialect.Now}");
        if (dead > 0)
        {
            transaction.Execute("""
                UPDATE accounts SET spent = spent + dead.amount, reserved = reserved - dead.amount
                FROM (SELECT account, SUM(amount) AS amount FROM reservations WHERE owner NOT IN (SELECT id FROM owners) GROUP BY account) AS dead
                WHERE name = dead.account;
                DELETE FROM reservations WHERE owner NOT IN (SELECT id FROM owners);
                DELETE FROM asking WHERE owner NOT IN (SELECT id FROM owners);
                """);
        }

        return dead;
    }

    private async Task RenewAsync(TimeSpan interval, TimeProvider time, CancellationToken cancellationToken)
    {
        using var timer = new PeriodicTimer(interval, time);
        while (!cancellationToken.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(cancellationToken);
                await WriteAsync(Bury, CancellationToken.None);
            }
            catch (OperationCanceledException)
            {
            }
            catch (DbException failure)
            {
                DatabaseLog.Unreachable(_logger, _dialect.Place, _dialect.Explain(failure));
            }
        }
    }
}
