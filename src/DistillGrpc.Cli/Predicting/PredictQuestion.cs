using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Predicting;

/// <summary>A label, its rationale, or both, of every row.</summary>
/// <param name="request">What is asked of all of them.</param>
/// <param name="whole">Answers are written with all that the Student says, not the texts alone.</param>
internal sealed class PredictQuestion(PredictRequest request, bool whole) : IRowQuestion<BatchPredictRequest, BatchPredictResponse>
{
    public BatchPredictRequest Of(Example row)
    {
        var asked = request.Clone();
        asked.Segments.AddRange(row.Segments);
        return new BatchPredictRequest { Id = row.Id, Request = asked };
    }

    public ulong HashOf(BatchPredictRequest request) => AnswerLine.HashOf(request.Request, whole ? AnswerForm.WholePrediction : AnswerForm.Prediction);

    public IAsyncEnumerable<BatchPredictResponse> AskAsync(InferenceClient student, IAsyncEnumerable<BatchPredictRequest> requests, CancellationToken cancellationToken) =>
        student.BatchPredictAsync(requests, cancellationToken);

    public RowOutcome OutcomeOf(BatchPredictResponse answer) => RowOutcome.Of(answer.Id, answer.Error);

    public string Write(BatchPredictResponse answer) => whole ? JsonFormatter.Default.Format(answer) : AnswerLine.Text(
        ("id", answer.Id),
        ("label", answer.Prediction?.Label?.Text),
        ("rationale", answer.Prediction?.Rationale?.Text),
        ("consistency", answer.Prediction?.Consistency is { } consistency ? ConsistencyText.Word(consistency) : null),
        ("prediction", answer.Prediction?.Label?.Prediction is { Length: > 0 } kept ? kept : null),
        ("error", answer.Error?.Message));
}
