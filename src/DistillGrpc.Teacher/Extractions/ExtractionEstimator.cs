using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Rationales;
using DistillGrpc.Teacher.Spending;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Teacher.Extractions;

/// <summary>Adds up what inputs would take. What is asked only sometimes, rationalisation and the judge, counts in what it is at most.</summary>
internal sealed class ExtractionEstimator(ExplainPlan plan, Explainer explainer, Ledger ledger, TeacherOptions options)
{
    private readonly Dictionary<string, double> _outputTokens = new(StringComparer.Ordinal);
    private readonly HashSet<string> _ids = new(StringComparer.Ordinal);
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
            foreach (var (teacher, query) in Questions(input))
            {
                isKept &= await AddAsync(input, teacher, query, cancellationToken);
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

    private IEnumerable<(PlannedTeacher Teacher, RationaleQuery Query)> Questions(Example input) =>
        from teacher in plan.Policy == TeacherPolicy.Fallback ? plan.Teachers.Take(1) : plan.TeachersOf(input)
        from sample in Enumerable.Range(0, plan.Samples)
        select (teacher, plan.QueryOf(teacher) with { Sample = sample });

    private async ValueTask<bool> AddAsync(Example input, PlannedTeacher teacher, RationaleQuery query, CancellationToken cancellationToken)
    {
        if (teacher.Backend is not PaidTeacher paid)
        {
            return false;
        }

        var (isKept, bytes, turns, maxTokens, price) = await paid.LookAsync(input, query, cancellationToken);
        if (isKept)
        {
            return true;
        }

        Add(_sum.Likely, price, Price.LikelyTokens(bytes, turns), (long)await LikelyOutputTokensAsync(teacher.Name, maxTokens, cancellationToken));
        var calls = 1 + (plan.Rationalize && input.Label.Length > 0 && query.Sample == 0 ? 1 : 0);
        Add(_sum.AtMost, price, calls * Price.TokensAtMost(bytes, turns), calls * (long)maxTokens);
        _isTimeKnown &= explainer.LatencyOf(teacher.Name) is not null;
        _time += (explainer.LatencyOf(teacher.Name) ?? TimeSpan.Zero) / Math.Min(plan.InputsInFlight ?? options.MaxInputsInFlight, paid.MaxConcurrency);
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
        sum.InputTokens += inputTokens;
        sum.OutputTokens += outputTokens;
        sum.CostNanos += price.Of(usage);
    }
}
