using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Storage;
using Google.Protobuf;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Teacher.Answers;

/// <summary>
/// Answers that were paid for, by what they were given to (<see cref="AnswerKey"/>). A kept answer is on the disk. Where several
/// processes share the database, one of them claims a question before it asks.
/// </summary>
internal sealed class AnswerStore(TeacherDatabase database, TimeProvider time) : IDisposable
{
    private const string Query = "SELECT answer FROM answers WHERE key = @key";

    // How soon an answer is seen that another process asks for; later where it takes long, since thousands may wait for a batch.
    private const double Growth = 1.1;
    private static readonly TimeSpan Poll = TimeSpan.FromMilliseconds(75);
    private static readonly TimeSpan LongestPoll = TimeSpan.FromSeconds(5);

    private readonly Lock _reading = new();
    private DbCommand? _find;

    /// <summary>The answer, or null where none was kept.</summary>
    public ValueTask<WrittenAnswer?> FindAsync(byte[] key, CancellationToken cancellationToken) =>
        database.Dialect.IsShared ? FindSharedAsync(key, cancellationToken) : new(FindHere(key));

    /// <summary>A write that claims the question, and says whether it is this process's to ask: nobody alive asks it, and nobody has kept the answer. Null where there are no other processes.</summary>
    public Func<DbTransaction, bool>? Claim(byte[] key) => !database.Dialect.IsShared ? null : transaction => transaction.Execute(
        $"""
        INSERT INTO asking (key, owner) SELECT @key, @owner WHERE NOT EXISTS (SELECT 1 FROM answers WHERE key = @key)
        ON CONFLICT (key) DO UPDATE SET owner = excluded.owner WHERE asking.owner = excluded.owner OR asking.owner NOT IN ({database.AliveOwners})
        """,
        ("@key", key), ("@owner", database.Owner)) == 1;

    /// <summary>The answer that another process asks for, when it is there; null where that process has given up.</summary>
    public async ValueTask<WrittenAnswer?> AwaitOtherAsync(byte[] key, CancellationToken cancellationToken)
    {
        for (var wait = Poll; ; wait = wait * Growth < LongestPoll ? wait * Growth : LongestPoll)
        {
            if (await FindSharedAsync(key, cancellationToken) is { } kept)
            {
                return kept;
            }

            if (await FirstAsync($"SELECT 1 FROM asking WHERE key = @key AND owner IN ({database.AliveOwners})", key, cancellationToken) is null)
            {
                return null;
            }

            await Task.Delay(wait, time, cancellationToken);
        }
    }

    /// <summary>A write that ends a question: keeps the answer, unless one is there already, and gives up the claim. Null where there is nothing to write.</summary>
    /// <param name="key">The question.</param>
    /// <param name="owner">Who has claimed it.</param>
    /// <param name="answer">The answer, where there is one.</param>
    /// <param name="kept">What else is to be written where there is one.</param>
    /// <param name="isAsked">Whether the process still asks it in another way: then the claim stays, unless there is the answer. Looked at in the write.</param>
    public Action<DbTransaction>? End(byte[] key, string owner, WrittenAnswer? answer, Action<DbTransaction, byte[]> kept, Func<bool> isAsked) => answer is null && !database.Dialect.IsShared ? null : transaction =>
    {
        if (answer is not null)
        {
            transaction.Execute(
                "INSERT INTO answers (key, answer, created) VALUES (@key, @answer, @created) ON CONFLICT (key) DO NOTHING",
                ("@key", key), ("@answer", Write(answer)), ("@created", answer.Created.ToUnixTimeMilliseconds()));
            kept(transaction, key);
        }

        if (database.Dialect.IsShared && (answer is not null || !isAsked()))
        {
            transaction.Execute("DELETE FROM asking WHERE key = @key AND owner = @owner", ("@key", key), ("@owner", owner));
        }
    };

    public void Dispose()
    {
        _find?.Connection!.Dispose();
        _find?.Dispose();
    }

    // One connection and one prepared statement: this is the way of every row.
    private WrittenAnswer? FindHere(byte[] key)
    {
        lock (_reading)
        {
            _find ??= Prepare();
            _find.Parameters[0].Value = key;
            return _find.ExecuteScalar() is byte[] answer ? Read(answer) : null;
        }
    }

    private DbCommand Prepare()
    {
        var command = database.Dialect.OpenWriter().Command(Query, ("@key", Array.Empty<byte>()));
        command.Prepare();
        return command;
    }

    private async ValueTask<WrittenAnswer?> FindSharedAsync(byte[] key, CancellationToken cancellationToken) =>
        await FirstAsync(Query, key, cancellationToken) is byte[] answer ? Read(answer) : null;

    private ValueTask<object?> FirstAsync(string sql, byte[] key, CancellationToken cancellationToken) => database.ReadAsync(
        async connection =>
        {
            await using var command = connection.Command(sql, ("@key", key));
            return await command.ExecuteScalarAsync(cancellationToken);
        },
        cancellationToken);

    // The contracts' own result holds all of it, and reads what older versions wrote.
    private static byte[] Write(WrittenAnswer answer) => new RationaleResult
    {
        RawText = answer.Text,
        Usage = answer.Usage,
        Provenance = new Provenance { Model = answer.Model, FinishReason = answer.FinishReason, CreateTime = answer.Created.ToTimestamp() },
        Tokens = { answer.Tokens },
    }.ToByteArray();

    private static WrittenAnswer Read(byte[] bytes)
    {
        var kept = RationaleResult.Parser.ParseFrom(bytes);
        return new WrittenAnswer(kept.RawText, kept.Provenance.FinishReason, kept.Provenance.Model, kept.Usage, kept.Provenance.CreateTime.ToDateTimeOffset()) { Tokens = kept.Tokens };
    }
}
