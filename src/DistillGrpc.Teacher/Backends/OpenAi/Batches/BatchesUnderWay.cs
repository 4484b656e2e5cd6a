namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>
/// Waits for batches, each once for all who have a question in it: this process's own, and those that another process has begun, or
/// one that has died.
/// </summary>
/// <param name="client">Looks for them.</param>
/// <param name="questions">Says whether one may still come.</param>
/// <param name="time">The clock.</param>
/// <param name="stopped">Ends the waits.</param>
internal sealed class BatchesUnderWay(BatchClient client, BatchedQuestions questions, TimeProvider time, CancellationToken stopped)
{
    private const string NotThere = "TEACHER_NOT_THERE";
    private static readonly TimeSpan Poll = TimeSpan.FromSeconds(5);
    private readonly Lock _lock = new();
    private readonly Dictionary<string, Task<BatchOutcome?>> _batches = new(StringComparer.Ordinal);

    /// <summary>A batch of this process's own; until <see cref="Remove"/> it is not looked for.</summary>
    public void Add(string batch, Task<BatchOutcome?> outcome)
    {
        lock (_lock)
        {
            _batches.Add(batch, outcome);
        }
    }

    /// <summary>A batch is over.</summary>
    public void Remove(string batch)
    {
        lock (_lock)
        {
            _batches.Remove(batch);
        }
    }

    /// <summary>What comes of a batch that a question is in already; null where there is none.</summary>
    public Task<BatchOutcome?> Follow(BatchedQuestion there)
    {
        lock (_lock)
        {
            return _batches.TryGetValue(there.Batch, out var outcome) ? outcome : _batches[there.Batch] = Task.Run(() => FollowAsync(there));
        }
    }

    /// <summary>What comes of a batch that the endpoint has; null where it has forgotten it.</summary>
    /// <param name="batch">The batch's key.</param>
    /// <param name="id">The endpoint's id for it.</param>
    public async Task<BatchOutcome?> WaitAsync(string batch, string id)
    {
        try
        {
            return await client.WaitAsync(id, stopped);
        }
        catch (TeacherFailedException failed) when (failed.Reason == NotThere)
        {
            // Where the endpoint can be asked at all, it has forgotten the batch or its files.
            await client.FindAsync(batch, stopped);
            return null;
        }
    }

    private async Task<BatchOutcome?> FollowAsync(BatchedQuestion there)
    {
        try
        {
            var id = there.Id;
            while (id.Length == 0)
            {
                // Asked first: one that may not come any more is found, or is not there.
                var mayCome = await questions.MayComeAsync(there.Batch, stopped);
                id = await client.FindAsync(there.Batch, stopped) ?? "";
                if (id.Length == 0)
                {
                    if (!mayCome)
                    {
                        return null;
                    }

                    await Task.Delay(Poll, time, stopped);
                }
            }

            return await WaitAsync(there.Batch, id);
        }
        finally
        {
            Remove(there.Batch);
        }
    }
}
