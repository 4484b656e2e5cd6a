using System.Threading.Channels;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>Answers on their way to the caller, and to somebody who wants to know what the caller got. Answers that failed are the caller's alone.</summary>
/// <param name="caller">The caller's side.</param>
/// <param name="complete">Called once with all answers, and whether they agree where that was asked, when the last is written and before the caller knows that it was; it neither waits nor fails.</param>
internal sealed class ObservedAnswers(ChannelWriter<StreamPredictResponse> caller, Action<IReadOnlyList<StreamPredictResponse>> complete) : ChannelWriter<StreamPredictResponse>
{
    private readonly List<StreamPredictResponse> _answers = [];

    public override bool TryWrite(StreamPredictResponse item)
    {
        if (item.Delta is null)
        {
            _answers.Add(item);
        }

        return caller.TryWrite(item);
    }

    public override bool TryComplete(Exception? error = null)
    {
        if (error is null)
        {
            complete(_answers);
        }

        return caller.TryComplete(error);
    }

    public override ValueTask<bool> WaitToWriteAsync(CancellationToken cancellationToken = default) => caller.WaitToWriteAsync(cancellationToken);
}
