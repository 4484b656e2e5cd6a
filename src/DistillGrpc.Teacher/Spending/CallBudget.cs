namespace DistillGrpc.Teacher.Spending;

/// <summary>What one call may cost, in billionths; shared by the inputs that are answered at once.</summary>
/// <param name="limit">0 for no limit.</param>
internal sealed class CallBudget(long limit)
{
    private readonly Lock _lock = new();
    private readonly Signal _settled = new();
    private long _spent;
    private long _reserved;

    /// <summary>
    /// Reserves an amount. Where only what others have reserved is in the way it waits, since they rarely need all of it; false
    /// where the amount would pass the limit by what was spent.
    /// </summary>
    public async ValueTask<bool> ReserveAsync(long amount, CancellationToken cancellationToken)
    {
        while (true)
        {
            var settled = _settled.Next;
            lock (_lock)
            {
                if (limit == 0 || _spent + _reserved + amount <= limit)
                {
                    _reserved += amount;
                    return true;
                }

                if (_reserved == 0)
                {
                    return false;
                }
            }

            await settled.WaitAsync(cancellationToken);
        }
    }

    /// <summary>Puts what was spent in the place of what was reserved.</summary>
    public void Settle(long reserved, long spent)
    {
        lock (_lock)
        {
            _reserved -= reserved;
            _spent += spent;
        }

        _settled.Raise();
    }
}
