using DistillGrpc.Teacher.Answers;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>A way to ask an endpoint. Safe for concurrent use.</summary>
internal interface IUpstream : IDisposable
{
    /// <summary>Makes one call. The answer is whole only when the stream says why it ended.</summary>
    /// <param name="question">What is asked.</param>
    /// <param name="onText">Gets text while it is written.</param>
    /// <param name="cancellationToken">Ends the call, at the endpoint too.</param>
    /// <exception cref="UpstreamFailure">There is no whole answer.</exception>
    ValueTask<WrittenAnswer> AskAsync(UpstreamQuestion question, Func<string, ValueTask> onText, CancellationToken cancellationToken);
}
