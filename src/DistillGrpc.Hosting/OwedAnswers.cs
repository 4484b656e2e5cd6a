using Grpc.Core;

namespace DistillGrpc.Hosting;

/// <summary>Inputs of a call's stream that the service has read and not answered yet: while there are any, a caller who sends nothing waits, and is not idle.</summary>
public sealed class OwedAnswers
{
    private int _count;

    /// <summary>Whether there are any.</summary>
    internal bool Any => Volatile.Read(ref _count) > 0;

    /// <summary>Those of a call.</summary>
    public static OwedAnswers Of(ServerCallContext context) => context.GetHttpContext().Features.Get<CallPatience>()?.Owed ?? new OwedAnswers();

    /// <summary>One more.</summary>
    public void Add() => Interlocked.Increment(ref _count);

    /// <summary>One less: its answer is written.</summary>
    public void Remove() => Interlocked.Decrement(ref _count);
}
