using System.Threading.Channels;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>Text on its way to a caller who wants it while it is written, with the number of its tokens: whoever measures the time of each need not guess.</summary>
/// <param name="output">The caller's side.</param>
/// <param name="areWanted">Whether the caller wants any.</param>
internal sealed class AnswerDeltas(ChannelWriter<StreamPredictResponse> output, bool areWanted)
{
    private readonly Dictionary<PredictionTask, int> _told = [];

    /// <summary>Sends more text; where there is none its tokens are told with the next one.</summary>
    /// <param name="task">The task that it belongs to.</param>
    /// <param name="text">The text.</param>
    /// <param name="tokens">Tokens of the task that were written until now.</param>
    public void Send(PredictionTask task, string text, int tokens)
    {
        if (text.Length > 0 && areWanted)
        {
            output.TryWrite(new StreamPredictResponse { Delta = new AnswerDelta { Task = task, Text = text, Tokens = tokens - _told.GetValueOrDefault(task) } });
            _told[task] = tokens;
        }
    }
}
