using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Quality;
using DistillGrpc.Teacher.Spending;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Teacher.Explaining;

/// <summary>
/// Makes the row of one input: asks its teachers, takes a vote where there are several answers, asks for the reason of the gold
/// label where their own is not it, judges, and says whether the row is fit to train on.
/// </summary>
internal sealed class Explainer(TimeProvider time)
{
    /// <summary>What a judge says of a rationale that supports its label.</summary>
    public const string Sound = "sound";

    // Of a moving average: the last twenty answers make up about two thirds of it.
    private const double Recent = 0.05;

    private static readonly ActivitySource Activities = new("DistillGrpc.Teacher");
    private static readonly Meter Meter = new("DistillGrpc.Teacher");
    private static readonly Histogram<double> Latency = Meter.CreateHistogram<double>("distill.teacher.answer.duration", "s", "Time that a backend takes for one input.");

    private readonly ConcurrentDictionary<string, double> _seconds = new(StringComparer.Ordinal);

    /// <summary>How long a teacher's answers took of late, those that were kept aside; null where it has given none since the start.</summary>
    public TimeSpan? LatencyOf(string teacher) => _seconds.TryGetValue(teacher, out var seconds) ? TimeSpan.FromSeconds(seconds) : null;

    /// <summary>The row.</summary>
    /// <param name="input">The input.</param>
    /// <param name="plan">Who is asked, and how.</param>
    /// <param name="onText">Gets text while it is written; only where one teacher gives one answer.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="TeacherRowException">There is no answer to this input.</exception>
    /// <exception cref="TeacherFailedException">There is no answer to any input, as far as can be told.</exception>
    public async ValueTask<RationaleResult> ExplainAsync(Example input, ExplainPlan plan, TextListener? onText, CancellationToken cancellationToken)
    {
        var teachers = plan.TeachersOf(input);
        if (plan.Policy != TeacherPolicy.Fallback || teachers.Count == 1)
        {
            return await ExplainAsync(input, plan, teachers, onText, cancellationToken);
        }

        var (before, rejected) = (new RationaleResult { Usage = new Usage(), Provenance = new Provenance { Kept = true } }, default(RationaleResult));
        foreach (var (teacher, number) in teachers.Select((teacher, i) => (teacher, i + 1)))
        {
            try
            {
                var result = await ExplainAsync(input, plan, [teacher], null, cancellationToken);
                Add(result, before);
                if (result.Verdict.Accepted || number == teachers.Count)
                {
                    return result;
                }

                // Its costs are a part of what the next one's row has cost.
                (before, rejected) = (result.Clone(), result);
            }
            catch (Exception failure) when (number < teachers.Count && failure is TeacherFailedException or TeacherRowException { Reason: not TeacherRowException.BudgetExhausted })
            {
                // The next one may have an answer.
            }
            catch (Exception failure) when (rejected is not null && failure is TeacherFailedException or TeacherRowException { IsOutOfBudget: false, MayPass: false })
            {
                // An answer that was paid for and rejected says more than none.
                return rejected;
            }
        }

        throw new UnreachableException();
    }

    private async ValueTask<RationaleResult> ExplainAsync(Example input, ExplainPlan plan, IReadOnlyList<PlannedTeacher> teachers, TextListener? onText, CancellationToken cancellationToken)
    {
        var result = await AnswerAsync(input, plan, teachers, onText, cancellationToken);
        var form = teachers[0].Form;
        if (plan.Rationalize && input.Label.Length > 0 && !(result.ParseOutcome == ParseOutcome.Parsed && LabelComparison.IsGold(result.Label, input.Label, input.Answer, form)))
        {
            result = await RationalizeAsync(input, plan, teachers[0], result, cancellationToken);
        }

        result.Verdict = QualityFilter.VerdictOf(QualityFilter.Reasons(input, result, plan.Rules, form));
        if (plan.Judge is { } judge && result.Verdict.Accepted)
        {
            await JudgeAsync(input, plan, judge, result, cancellationToken);
        }

        return result;
    }

    private async ValueTask<RationaleResult> AnswerAsync(Example input, ExplainPlan plan, IReadOnlyList<PlannedTeacher> teachers, TextListener? onText, CancellationToken cancellationToken)
    {
        if (teachers.Count == 1 && plan.Samples == 1)
        {
            return Result(input, teachers[0], await AskAsync(input, teachers[0], plan.QueryOf(teachers[0]), onText, cancellationToken));
        }

        var asked = await Task.WhenAll(teachers.SelectMany(teacher => Enumerable.Range(0, plan.Samples).Select(sample => TryAskAsync(input, teacher, plan.QueryOf(teacher) with { Sample = sample }, cancellationToken))));
        var answers = asked.Where(answer => answer.Answer is not null).Select(answer => (answer.Teacher, Answer: answer.Answer!)).ToArray();
        if (answers.Length == 0)
        {
            throw asked[0].Refused!;
        }

        var (winner, agreement, shares) = Vote.Count(answers, asked.Sum(answer => answer.Teacher.Weight));
        var result = Result(input, answers[winner].Teacher, answers[winner].Answer);
        result.Agreement = agreement;
        (result.Usage, result.PaidNanos) = (new Usage(), 0);
        foreach (var (teacher, answer) in answers)
        {
            Add(result, answer);
            result.Answers.Add(new SampledAnswer { Teacher = teacher.Name, ParseOutcome = answer.Outcome, Rationale = answer.Rationale, Label = answer.Label });
        }

        result.Provenance.Kept = answers.All(answer => answer.Answer.IsKept);
        if (plan.Samples > 1 || result.LabelDistribution.Count == 0)
        {
            result.LabelDistribution.Clear();
            result.LabelDistribution.Add(shares);
        }

        return result;
    }

    // One of several answers that is refused does not vote; what may pass, or no money, ends the row: asked again, it pays only for what it lacks.
    private async Task<(PlannedTeacher Teacher, BackendAnswer? Answer, TeacherRowException? Refused)> TryAskAsync(
        Example input, PlannedTeacher teacher, RationaleQuery query, CancellationToken cancellationToken)
    {
        try
        {
            return (teacher, await AskAsync(input, teacher, query, null, cancellationToken), null);
        }
        catch (TeacherRowException refused) when (refused is { IsOutOfBudget: false, MayPass: false })
        {
            return (teacher, null, refused);
        }
    }

    private async ValueTask<RationaleResult> RationalizeAsync(Example input, ExplainPlan plan, PlannedTeacher teacher, RationaleResult own, CancellationToken cancellationToken)
    {
        var (_, answer, _) = await TryAskAsync(input, teacher, plan.QueryOf(teacher) with { Use = PromptUse.Rationalize }, cancellationToken);
        Add(own, answer);
        if (answer is not { Outcome: ParseOutcome.Parsed } || !LabelComparison.IsGold(answer.Label, input.Label, input.Answer, teacher.Form))
        {
            return own;
        }

        var result = Result(input, teacher, answer);
        (result.Usage, result.PaidNanos, result.Provenance.Kept, result.Provenance.Rationalized) = (own.Usage, own.PaidNanos, own.Provenance.Kept, true);
        // What was said without the hint is what the teacher thinks.
        result.Answers.Add(own.Answers.Count > 0 ? own.Answers : [new SampledAnswer { Teacher = own.Provenance.Teacher, ParseOutcome = own.ParseOutcome, Rationale = own.Rationale, Label = own.Label }]);
        result.LabelDistribution.Clear();
        result.LabelDistribution.Add(own.LabelDistribution);
        return result;
    }

    private async ValueTask JudgeAsync(Example input, ExplainPlan plan, PlannedTeacher judge, RationaleResult result, CancellationToken cancellationToken)
    {
        var claim = new Example { Id = input.Id, Segments = { input.Segments }, Label = result.Label, Rationale = result.Rationale };
        var query = plan.QueryOf(judge) with { Temperature = 0, TopLogProbabilities = 0 };
        var (_, answer, _) = await TryAskAsync(claim, judge, query, cancellationToken);
        Add(result, answer);
        if (!string.Equals(answer?.Label, Sound, StringComparison.OrdinalIgnoreCase))
        {
            result.Verdict = QualityFilter.VerdictOf([RejectionReason.JudgedUnsound]);
        }
    }

    private async Task<BackendAnswer> AskAsync(Example input, PlannedTeacher teacher, RationaleQuery query, TextListener? onText, CancellationToken cancellationToken)
    {
        using var activity = Activities.StartActivity("teach", ActivityKind.Client);
        activity?.SetTag("distill.teacher", teacher.Name).SetTag("distill.backend", teacher.Backend.Kind);
        var started = time.GetTimestamp();
        try
        {
            var answer = await teacher.Backend.AnswerAsync(input, query, onText, cancellationToken);
            var seconds = time.GetElapsedTime(started).TotalSeconds;
            Latency.Record(seconds, new KeyValuePair<string, object?>("teacher", teacher.Name));
            if (!answer.IsKept)
            {
                _seconds.AddOrUpdate(teacher.Name, seconds, (_, before) => before + (Recent * (seconds - before)));
            }

            return answer;
        }
        catch (TeacherRowException refused)
        {
            refused.Teacher = teacher.Name;
            activity?.SetStatus(ActivityStatusCode.Error, refused.Reason);
            throw;
        }
        catch (Exception failure) when (activity is not null)
        {
            activity.SetStatus(ActivityStatusCode.Error, failure is TeacherFailedException failed ? failed.Reason : "INTERNAL");
            throw;
        }
    }

    private RationaleResult Result(Example input, PlannedTeacher teacher, BackendAnswer answer) => new()
    {
        InputId = input.Id,
        ParseOutcome = answer.Outcome,
        Rationale = answer.Rationale,
        Label = answer.Label,
        RawText = answer.RawText,
        Usage = answer.Usage.Clone(),
        PaidNanos = answer.IsKept ? 0 : answer.Usage.CostNanos,
        Tokens = { answer.Tokens },
        LabelDistribution = { answer.Distribution },
        Provenance = new Provenance
        {
            Teacher = teacher.Name,
            Model = answer.Model.Length > 0 ? answer.Model : teacher.Backend.Model,
            Prompt = teacher.Prompt?.Name ?? "",
            PromptHash = teacher.Prompt?.Hash ?? "",
            FinishReason = answer.FinishReason,
            Kept = answer.IsKept,
            CreateTime = (answer.Created ?? time.GetUtcNow()).ToTimestamp(),
            PermitsDistillation = teacher.PermitsDistillation,
        },
    };

    private static void Add(RationaleResult sum, BackendAnswer? more)
    {
        if (more is not null)
        {
            Add(sum, new RationaleResult { Usage = more.Usage, PaidNanos = more.IsKept ? 0 : more.Usage.CostNanos, Provenance = new Provenance { Kept = more.IsKept } });
        }
    }

    private static void Add(RationaleResult sum, RationaleResult more)
    {
        sum.Usage.Add(more.Usage);
        sum.PaidNanos += more.PaidNanos;
        sum.Provenance.Kept &= more.Provenance.Kept;
    }
}
