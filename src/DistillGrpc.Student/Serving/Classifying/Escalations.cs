using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Student.Datasets;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Answers;
using DistillGrpc.Student.Training.Reports;
using Grpc.Core;

namespace DistillGrpc.Student.Serving.Classifying;

/// <summary>
/// Has the Teacher answer what a student is not sure of. Whatever comes of it, the caller has the student's probabilities: a Teacher that cannot answer, or would take longer
/// than the caller waits, is an error in the response, and not one of the call.
/// </summary>
internal sealed class Escalations(GivenRationales teacher, EscalatedRows kept, StudentOptions options, TimeProvider time)
{
    private static readonly TimeSpan MostMargin = TimeSpan.FromSeconds(1);

    /// <summary>Asks the Teacher, and makes its answer the response's; where there is none, says why.</summary>
    /// <param name="response">The student's probabilities.</param>
    /// <param name="asked">The request.</param>
    /// <param name="version">The version's name.</param>
    /// <param name="card">What the version says of its teacher.</param>
    /// <param name="labels">The labels that an answer is one of.</param>
    /// <exception cref="OperationCanceledException">The caller has gone.</exception>
    public async Task AskAsync(ClassifyResponse response, Classification asked, string version, ModelCard card, IReadOnlyList<string> labels)
    {
        var (named, prompt) = asked.Escalation is { Teacher.Length: > 0 } given ? (given.Teacher, given.Prompt) : (card.Teacher, card.Prompt);
        using var late = new CancellationTokenSource(Patience(asked.Caller.Deadline), time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(late.Token, asked.Caller.CancellationToken);
        try
        {
            var result = await teacher.AnswerAsync("The Teacher is to be asked", named, prompt, asked.Segments, either.Token);
            response.TeacherUsage = result.Usage;
            if (result.Error is not null || LabelOf(result, labels) is not { } label)
            {
                response.EscalationError = result.Error ?? Unusable(result);
                return;
            }

            (response.AnsweredBy, response.Label, response.Rationale, response.Provenance) = (AnsweredBy.Teacher, label, result.Rationale, result.Provenance);
            response.Kept = options.KeepEscalated && result.Verdict is null or { Accepted: true } && kept.Keep(ModelName.Parse(version, "model").Id, Row(asked, result, label));
        }
        catch (Exception failure) when (late.IsCancellationRequested && failure is OperationCanceledException or RpcException && !asked.Caller.CancellationToken.IsCancellationRequested)
        {
            response.EscalationError = new RowError { Code = (int)StatusCode.DeadlineExceeded, Reason = "TEACHER_LATE", Message = "The Teacher has not answered in time." };
        }
        catch (RpcException refused) when (!asked.Caller.CancellationToken.IsCancellationRequested)
        {
            response.EscalationError = RowErrors.Of(refused);
        }
    }

    // A tenth of what is left, a second at most, is for the way back.
    private TimeSpan Patience(DateTimeOffset deadline)
    {
        var left = deadline == DateTimeOffset.MaxValue ? TimeSpan.MaxValue : deadline - time.GetUtcNow();
        var margin = left / 10 < MostMargin ? left / 10 : MostMargin;
        return left - margin < options.EscalationTimeout ? TimeSpan.FromTicks(Math.Max(0, (left - margin).Ticks)) : options.EscalationTimeout;
    }

    // As the set has it: a teacher may write it otherwise.
    private static string? LabelOf(RationaleResult result, IReadOnlyList<string> labels)
    {
        var label = ScoringRules.Normal(result.Label);
        return label.Length == 0 ? null
            : labels.FirstOrDefault(one => ScoringRules.Normal(one) == label) is { } same ? same
            : labels.Where(one => LabelWords.AreSame(one, label)).Take(2).ToArray() is [var only] ? only
            : null;
    }

    private static RowError Unusable(RationaleResult result) => result.Label.Length == 0
        ? new RowError { Code = (int)StatusCode.FailedPrecondition, Reason = "NO_LABEL", Message = "The Teacher gave no label." }
        : new RowError { Code = (int)StatusCode.FailedPrecondition, Reason = "LABEL_OUTSIDE_SET", Message = $"The Teacher's label, '{result.Label}', is none of these." };

    // The same input has the same id, and is kept once.
    private static Example Row(Classification asked, RationaleResult result, string label)
    {
        var row = new Example { Segments = { asked.Segments }, TeacherLabel = label, Rationale = result.Rationale };
        row.Id = RowKeys.OfText(string.Join('\0', asked.Segments)).ToString("x32", System.Globalization.CultureInfo.InvariantCulture);
        TaughtExample.Teach(row, result);
        return row;
    }
}
