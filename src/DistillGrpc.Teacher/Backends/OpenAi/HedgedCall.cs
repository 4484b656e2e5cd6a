using DistillGrpc.Teacher.Answers;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// A call that gets a second one beside it where it is on its way for some time and has written nothing: the first whole answer
/// counts, and the other call is cancelled. It is over when both are, so that what they cost is settled; Polly's hedging would
/// leave the slower one behind, and would count the time in which a call waits for its turn.
/// </summary>
/// <param name="onText">Gets the text of the call that writes first, and the whole text of the other one where that is the answer.</param>
internal sealed class HedgedCall(TextListener onText) : IDisposable
{
    private readonly SemaphoreSlim _turn = new(1);
    private Call? _writer;

    /// <summary>Makes a call, or two.</summary>
    /// <param name="make">Makes one.</param>
    /// <param name="after">How long the first may write nothing.</param>
    /// <param name="time">The clock.</param>
    /// <param name="cancellationToken">Ends both.</param>
    public async ValueTask<WrittenAnswer> RunAsync(Func<Call, CancellationToken, ValueTask<WrittenAnswer>> make, TimeSpan after, TimeProvider time, CancellationToken cancellationToken)
    {
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var (one, two) = (new Call(this), new Call(this));
        var first = make(one, stop.Token).AsTask();
        var late = LateAsync(one, after, time, stop.Token);
        if (await Task.WhenAny(first, late) == first || late.IsCanceled || Volatile.Read(ref _writer) is not null)
        {
            return await EndAsync(first, late, stop);
        }

        var second = make(two, stop.Token).AsTask();
        var winner = await Task.WhenAny(first, second);
        // Where one fails the other may not, whatever the reason; where both do, the first one's counts.
        winner = winner.IsCompletedSuccessfully ? winner : await EndAsync(winner == first ? second : first);
        winner = winner.IsCompletedSuccessfully ? winner : first;
        var answer = await EndAsync(winner, Task.WhenAll(first, second), stop);
        if (_writer != (winner == first ? one : two))
        {
            await onText(answer.Text, isRestart: _writer is not null);
        }

        return answer;
    }

    private static async Task<Task<WrittenAnswer>> EndAsync(Task<WrittenAnswer> call)
    {
        await ((Task)call).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return call;
    }

    // Nothing that was begun goes on when the call is over.
    private static async Task<WrittenAnswer> EndAsync(Task<WrittenAnswer> call, Task others, CancellationTokenSource stop)
    {
        await EndAsync(call);
        await stop.CancelAsync();
        await others.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return await call;
    }

    public void Dispose() => _turn.Dispose();

    private static async Task LateAsync(Call call, TimeSpan after, TimeProvider time, CancellationToken cancellationToken)
    {
        await call.Begun.WaitAsync(cancellationToken);
        await Task.Delay(after, time, cancellationToken);
    }

    private async ValueTask WriteAsync(Call call, string text)
    {
        await _turn.WaitAsync();
        try
        {
            _writer ??= call;
            if (_writer == call)
            {
                await onText(text, isRestart: false);
            }
        }
        finally
        {
            _turn.Release();
        }
    }

    /// <summary>One of the calls.</summary>
    internal sealed class Call(HedgedCall both)
    {
        private readonly TaskCompletionSource _begun = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>Ends when the call is on its way.</summary>
        public Task Begun => _begun.Task;

        /// <summary>The call is about to be made.</summary>
        /// <exception cref="UpstreamFailure">While it waited for its turn, the other one has begun to write.</exception>
        public void Begin()
        {
            if (Volatile.Read(ref both._writer) is { } writer && writer != this)
            {
                throw UpstreamFailure.NotNeeded();
            }

            _begun.TrySetResult();
        }

        /// <summary>It has written more.</summary>
        public ValueTask WriteAsync(string text) => both.WriteAsync(this, text);
    }
}
