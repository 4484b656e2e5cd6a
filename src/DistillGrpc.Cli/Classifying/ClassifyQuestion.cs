using DistillGrpc.Cli.Predicting;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;
using Grpc.Core;

namespace DistillGrpc.Cli.Classifying;

/// <summary>How likely labels are, of every row. Where the Teacher, who was to be asked, has not answered, the row is not answered: its line has the probabilities, and it is asked again the next time.</summary>
/// <param name="request">What is asked of all of them.</param>
/// <param name="whole">Answers are written with all that the Student says.</param>
internal sealed class ClassifyQuestion(ClassifyRequest request, bool whole) : IRowQuestion<BatchClassifyRequest, BatchClassifyResponse>
{
    public BatchClassifyRequest Of(Example row)
    {
        var asked = request.Clone();
        asked.Segments.AddRange(row.Segments);
        return new BatchClassifyRequest { Id = row.Id, Request = asked };
    }

    public ulong HashOf(BatchClassifyRequest request) => AnswerLine.HashOf(request.Request, whole ? AnswerForm.WholeClassification : AnswerForm.Classification);

    public IAsyncEnumerable<BatchClassifyResponse> AskAsync(InferenceClient student, IAsyncEnumerable<BatchClassifyRequest> requests, CancellationToken cancellationToken) =>
        student.BatchClassifyAsync(requests, cancellationToken);

    // A teacher or a prompt that the Teacher does not take is none for the next row either. The model is no option here.
    public RowOutcome OutcomeOf(BatchClassifyResponse answer) => answer.Classification?.EscalationError is { } error
        ? new RowOutcome(answer.Id, Text(error), ConcernsEveryRow: error.Code == (int)StatusCode.NotFound || error.Reason == "NO_TEACHER" || error.Field is "spec.teacher" or "spec.prompt")
        : answer.Error is { Code: (int)StatusCode.NotFound } absent ? new RowOutcome(answer.Id, Text(absent), ConcernsEveryRow: true)
        : RowOutcome.Of(answer.Id, answer.Error);

    public string Write(BatchClassifyResponse answer)
    {
        if (whole)
        {
            return JsonFormatter.Default.Format(answer);
        }

        return answer.Classification is not { } found ? AnswerLine.Text(("id", answer.Id), ("error", answer.Error?.Message)) : AnswerLine.Text(
            ("id", answer.Id),
            ("label", NullIfEmpty(found.Label)),
            ("probability", found.Labels.FirstOrDefault()?.Probability),
            ("labels", found.Labels.Select(label => new { label = label.Label, probability = label.Probability })),
            ("abstained", found.AnsweredBy != AnsweredBy.Student),
            ("escalated", found.AnsweredBy == AnsweredBy.Teacher),
            ("rationale", NullIfEmpty(found.Rationale)),
            ("escalation_error", found.EscalationError?.Message));
    }

    // None of these options is about it.
    private static string Text(RowError error) => $"{error.Message}{(error.Reason.Length > 0 ? $" ({(StatusCode)error.Code}, {error.Reason})" : "")}";

    private static string? NullIfEmpty(string text) => text.Length == 0 ? null : text;
}
