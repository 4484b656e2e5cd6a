using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Jobs;

/// <summary>The jobs of one service, as people look at them and steer them.</summary>
internal interface IJobs
{
    /// <summary>What stands in front of their ids.</summary>
    string Collection { get; }

    /// <summary>All of them, the newest first.</summary>
    IAsyncEnumerable<IMessage> ListAsync(CancellationToken cancellationToken);

    Task<IMessage> GetAsync(string name, CancellationToken cancellationToken);

    Task<IMessage> PauseAsync(string name, CancellationToken cancellationToken);

    /// <param name="name">The job.</param>
    /// <param name="budget">The new budget in billionths; null where it stays.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    Task<IMessage> ResumeAsync(string name, long? budget, CancellationToken cancellationToken);

    Task<IMessage> CancelAsync(string name, CancellationToken cancellationToken);

    Task DeleteAsync(string name, CancellationToken cancellationToken);

    /// <summary>What happens to it until it has ended, one message after another; the line on the terminal moves along.</summary>
    Task WatchAsync(string name, bool isJson, CancellationToken cancellationToken);

    /// <summary>A job on one line.</summary>
    string Line(IMessage job);
}
