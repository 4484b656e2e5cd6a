using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Datasets;
using Grpc.Core;

namespace DistillGrpc.Student.Training;

/// <summary>Has the Teacher explain the rows that carry no rationale.</summary>
internal sealed class RowTeacher(TeacherConnection teacher, ILogger<RowTeacher> logger)
{
    private const int SoftLabelTokens = 10;

    /// <summary>Fills in what the Teacher gives; gives the number of results that came.</summary>
    /// <param name="source">Who is asked.</param>
    /// <param name="rows">The rows that lack something.</param>
    /// <param name="run">What the rows are for: without rationales a row without a label is worth a warning, soft labels need the teacher's log-probabilities.</param>
    /// <param name="report">Takes the events.</param>
    /// <param name="onExplained">Hears of every row that a result has come to; null for nobody.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="RpcException">FAILED_PRECONDITION without a configured Teacher; UNAVAILABLE where it could not be reached at all; what it refused.</exception>
    public async Task<int> ExplainAsync(TeacherSource source, IReadOnlyList<Example> rows, RunSpec run, Func<TrainingEvent, ValueTask> report, Action<Example>? onExplained, CancellationToken cancellationToken)
    {
        var open = rows.ToDictionary(row => row.Id, StringComparer.Ordinal);
        if (open.Count == 0)
        {
            return 0;
        }

        var client = new TeacherClient(teacher.Channel("The rows need a teacher"));
        var (came, parsed, failed, progress, wantsRationales) = (0, 0, 0, new TeachingReport(report), run.WantsRationales);
        try
        {
            var spec = new RationaleSpec { Teacher = source.Teacher, Prompt = source.Prompt, TopLogProbabilities = run.Soft is null ? 0 : SoftLabelTokens };
            var inputs = open.Values.Select(Question).ToAsyncEnumerable();
            await foreach (var response in client.GenerateRationalesAsync(spec, inputs, cancellationToken))
            {
                if (response.Result is not { } result || !open.TryGetValue(result.InputId, out var row))
                {
                    continue;
                }

                row.Rationale = result.Rationale.Length > 0 ? result.Rationale : row.Rationale;
                row.TeacherLabel = result.Label.Length > 0 ? result.Label : row.TeacherLabel;
                if (result.Label.Length > 0)
                {
                    TaughtExample.Teach(row, result);
                }

                (came, parsed) = (came + 1, parsed + (result.ParseOutcome == ParseOutcome.Parsed ? 1 : 0));
                onExplained?.Invoke(row);
                failed += (wantsRationales ? row.Rationale : row.TeacherLabel).Length > 0 ? 0 : 1;
                await progress.TellAsync(came, open.Count, parsed);
            }
        }
        catch (RpcException lost) when (came > 0 && !cancellationToken.IsCancellationRequested)
        {
            StudentLog.TeacherLost(logger, lost);
            await progress.WarnAsync("TEACHER_LOST", $"The Teacher was lost after {came} of {open.Count} rows; training goes on with what there is.");
        }
        catch (RpcException away) when (TeacherConnection.IsAway(away) && !cancellationToken.IsCancellationRequested)
        {
            throw teacher.Unavailable(away);
        }

        await progress.EndAsync(came, open.Count, parsed);
        if (failed > 0)
        {
            await progress.WarnAsync("ROWS_NOT_EXPLAINED", wantsRationales
                ? $"The Teacher gave no rationale to {failed} of {open.Count} rows; they are learnt by label alone."
                : $"The Teacher gave no label to {failed} of {open.Count} rows; those without a gold label are left out.");
        }

        return came;
    }

    // The gold label stays here: a teacher is asked as if nobody knew.
    private static Example Question(Example row)
    {
        var question = new Example { Id = row.Id };
        question.Segments.AddRange(row.Segments);
        return question;
    }
}
