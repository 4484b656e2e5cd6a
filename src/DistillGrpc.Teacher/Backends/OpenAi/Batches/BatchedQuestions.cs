using System.Data.Common;
using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>
/// Which of a teacher's questions are in which batch, on the disk before the batch is submitted: who asks one of them again, in this
/// process, after a crash or at another replica, waits for that batch instead of paying for a second one.
/// </summary>
/// <param name="teacher">Each teacher has its own: another's batches are elsewhere.</param>
/// <param name="database">Where they are kept.</param>
/// <param name="time">The clock.</param>
internal sealed class BatchedQuestions(string teacher, TeacherDatabase database, TimeProvider time)
{
    // Nobody else writes during a transaction.
    private const int AtOnce = 500;

    /// <summary>Puts questions into a batch, those alone that are in none.</summary>
    /// <param name="batch">The batch's key.</param>
    /// <param name="keys">The questions.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <returns>
    /// For every question where it is now, null for one that another process has had answered meanwhile; and what ends
    /// when others may take this process for dead, and the batch for one that will never be submitted.
    /// </returns>
    public async Task<(IReadOnlyList<BatchedQuestion?> Places, CancellationToken Lost)> AddAsync(string batch, IReadOnlyList<byte[]> keys, CancellationToken cancellationToken)
    {
        // Taken first: a batch that is begun under an id that has ended is not submitted.
        var lost = database.OwnerLost;
        var places = new List<BatchedQuestion?>();
        foreach (var some in keys.Chunk(AtOnce))
        {
            places.AddRange(await database.WriteAsync(transaction => some.Select(key => Add(transaction, batch, key)).ToArray(), cancellationToken));
        }

        return (places, lost);
    }

    /// <summary>A batch's submission is over.</summary>
    /// <param name="batch">The batch's key.</param>
    /// <param name="id">The endpoint's id for it; empty where it was not made, as far as can be told.</param>
    public Task SubmittedAsync(string batch, string id) => database.WriteAsync(
        transaction => transaction.Execute("UPDATE batched SET id = @id, owner = '' WHERE batch = @batch", ("@id", id), ("@batch", batch)), CancellationToken.None);

    /// <summary>Whether another process may be about to submit a batch.</summary>
    public async ValueTask<bool> MayComeAsync(string batch, CancellationToken cancellationToken) => (await database.QueryAsync(
        $"SELECT 1 FROM batched WHERE batch = @batch AND owner <> @me AND owner IN ({database.AliveOwners}) LIMIT 1", _ => true,
        [("@batch", batch), ("@me", database.Owner)], cancellationToken)).Count > 0;

    /// <summary>Takes a question out of a batch that has no answer to it.</summary>
    public Task RemoveAsync(string batch, byte[] key) => database.WriteAsync(
        transaction => transaction.Execute("DELETE FROM batched WHERE teacher = @teacher AND key = @key AND batch = @batch", ("@teacher", teacher), ("@key", key), ("@batch", batch)),
        CancellationToken.None);

    /// <summary>Takes a question out of its batch, in the transaction that keeps its answer.</summary>
    public void Remove(DbTransaction transaction, byte[] key) =>
        transaction.Execute("DELETE FROM batched WHERE teacher = @teacher AND key = @key", ("@teacher", teacher), ("@key", key));

    private BatchedQuestion? Add(DbTransaction transaction, string batch, byte[] key)
    {
        var added = transaction.Execute(
            """
            INSERT INTO batched (teacher, key, batch, id, owner, created) SELECT @teacher, @key, @batch, '', @owner, @created
            WHERE NOT EXISTS (SELECT 1 FROM answers WHERE key = @key) ON CONFLICT (teacher, key) DO NOTHING
            """,
            ("@teacher", teacher), ("@key", key), ("@batch", batch), ("@owner", database.Owner), ("@created", time.GetUtcNow().ToUnixTimeMilliseconds()));
        return added == 1
            ? new BatchedQuestion(batch, "")
            : transaction.Rows(
                "SELECT batch, id FROM batched WHERE teacher = @teacher AND key = @key", row => new BatchedQuestion(row.GetString(0), row.GetString(1)),
                ("@teacher", teacher), ("@key", key)).FirstOrDefault();
    }
}
