using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Rationales;
using DistillGrpc.Teacher.Spending;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Adds up what inputs would take. What is asked only sometimes, by rationalisation and fallback, counts in what it is at most.</summary>
internal sealed class ExtractionEstimator(ExplainPlan plan, Explainer explainer, Ledger ledger, TeacherOptions options)
{
    private const int RationaleCharacters = 1000;
    private const string UnknownLabel = "?";
    private readonly Dictionary<string, double> _outputTokens = new(StringComparer.Ordinal);
    private readonly SeenIds _ids = new();
    private readonly EstimateExtractionResponse _sum = new() { Likely = new Usage(), AtMost = new Usage() };
    private readonly Quality.SeenInputs _seen = new(plan.Rules.Duplicates);
    private TimeSpan _time;
    private bool _isTimeKnown = true;

    /// <summary>Adds an input.</summary>
    public async ValueTask AddAsync(Example input, CancellationToken cancellationToken)
    {
        if (Rows.ErrorOf(input) is not null || !_ids.Add(input.Id) || _seen.Add(input) is not null)
        {
            _sum.Refused++;
            return;
        }

        try
        {
            var isKept = true;
            foreach (var question in Questions(input))
            {
                isKept &= await AddAsync(question, cancellationToken) || !question.IsCertain;
            }

            _sum.Inputs++;
            _sum.Kept += isKept ? 1 : 0;
        }
        catch (TeacherRowException)
        {
            _sum.Refused++;
        }
    }

    /// <summary>The sum.</summary>
    public EstimateExtractionResponse Sum()
    {
        _sum.Duration = _isTimeKnown ? Duration.FromTimeSpan(_time) : null;
        return _sum;
    }

    // Whoever is asked first is asked for certain; the next in line, for the reason of a gold label, and the judge only sometimes.
    private IEnumerable<Question> Questions(Example input)
    {
        foreach (var (teacher, number) in plan.TeachersOf(input).Select((teacher, i) => (teacher, i)))
        {
            foreach (var sample in Enumerable.Range(0, plan.Samples))
            {
                yield return new Question(input, teacher, plan.QueryOf(teacher) with { Sample = sample }, plan.Policy != TeacherPolicy.Fallback || number == 0);
            }

            if (plan.Rationalize && input.Label.Length > 0 && (plan.Policy == TeacherPolicy.Fallback || number == 0))
            {
                yield return new Question(input, teacher, plan.QueryOf(teacher) with { Use = PromptUse.Rationalize }, IsCertain: false);
            }
        }

        if (plan.Judge is { } judge)
        {
            // What it will be shown is not known yet: a rationale of some length.
            var claim = new Example { Id = input.Id, Segments = { input.Segments }, Label = input.Label.Length > 0 ? input.Label : UnknownLabel, Rationale = new string('x', RationaleCharacters) };
            yield return new Question(claim, judge, plan.QueryOf(judge) with { Temperature = 0, TopLogProbabilities = 0 }, IsCertain: false, IsLikely: true);
        }
    }

    // Gives whether the answer is kept.
    private async ValueTask<bool> AddAsync(Question question, CancellationToken cancellationToken)
    {
        if (question.Teacher.Backend is not PaidTeacher paid)
        {
            return false;
        }

        var (isKept, bytes, turns, maxTokens, price) = await paid.LookAsync(question.Input, question.Query, cancellationToken);
        if (isKept)
        {
            return true;
        }

        Add(_sum.AtMost, price, Price.TokensAtMost(bytes, turns), maxTokens);
        if (question.IsCertain || question.IsLikely)
        {
            var teacher = question.Teacher.Name;
            Add(_sum.Likely, price, Price.LikelyTokens(bytes, turns), (long)await LikelyOutputTokensAsync(teacher, maxTokens, cancellationToken));
            _isTimeKnown &= explainer.LatencyOf(teacher) is not null;
            _time += (explainer.LatencyOf(teacher) ?? TimeSpan.Zero) / Math.Min(plan.InputsInFlight ?? options.MaxInputsInFlight, paid.MaxConcurrency);
        }

        return false;
    }

    private async ValueTask<double> LikelyOutputTokensAsync(string teacher, int maxTokens, CancellationToken cancellationToken)
    {
        if (!_outputTokens.TryGetValue(teacher, out var tokens))
        {
            var balance = await ledger.BalanceOfAsync(teacher, cancellationToken);
            _outputTokens.Add(teacher, tokens = balance.Answers > 0 ? (double)balance.OutputTokens / balance.Answers : double.MaxValue);
        }

        return Math.Min(tokens, tokens == double.MaxValue ? maxTokens / 2.0 : maxTokens);
    }

    private static void Add(Usage sum, Price price, long inputTokens, long outputTokens)
    {
        var usage = new Usage { InputTokens = inputTokens, OutputTokens = outputTokens };
        usage.CostNanos = price.Of(usage);
        sum.Add(usage);
    }

    private sealed record Question(Example Input, PlannedTeacher Teacher, RationaleQuery Query, bool IsCertain, bool IsLikely = false);
}
