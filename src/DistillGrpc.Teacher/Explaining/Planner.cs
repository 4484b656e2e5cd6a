using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Quality;
using DistillGrpc.Teacher.Spending;

namespace DistillGrpc.Teacher.Explaining;

/// <summary>Checks what a caller asks for, and makes the plan of it.</summary>
internal sealed class Planner(TeacherCatalog catalog, PromptCatalog prompts)
{
    private const int MaxTeachers = 16;
    private const int MaxSamples = 64;
    private const int MaxTopLogProbabilities = 20;
    private const double SamplingTemperature = 0.7;
    private const string DefaultJudgePrompt = "prompts/judge";

    /// <summary>The plan of a spec.</summary>
    /// <param name="spec">What the caller asks for.</param>
    /// <param name="deadline">When it stops waiting.</param>
    /// <param name="field">What stands in front of the names of refused fields, such as <c>spec</c>.</param>
    /// <param name="job">The account of a job, which has the spec's budget over restarts; null for a call, which has it in memory.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT with the field, or NOT_FOUND.</exception>
    public ExplainPlan Of(RationaleSpec spec, DateTimeOffset deadline, string field = "spec", string? job = null)
    {
        void Require(bool condition, string name, string message) => RpcFailure.Require(condition, $"{field}.{name}", message);

        var rules = spec.Quality ?? new QualityRules();
        Require(!spec.HasTemperature || spec.Temperature is >= 0 and <= 2, "temperature", "must be between 0 and 2");
        Require(spec.BudgetNanos >= 0, "budget_nanos", "must not be negative");
        Require(spec.MaxOutputTokens >= 0, "max_output_tokens", "must not be negative");
        Require(spec.Samples is >= 0 and <= MaxSamples, "samples", $"must be 0 to {MaxSamples}");
        Require(spec.Samples <= 1 || !spec.HasTemperature || spec.Temperature > 0, "temperature", "must be above 0 with several samples, or they are all alike");
        Require(spec.TopLogProbabilities is >= 0 and <= MaxTopLogProbabilities, "top_log_probabilities", $"must be 0 to {MaxTopLogProbabilities}");
        ResourceId.RequireOptional(spec.Tag, $"{field}.tag");
        Require(Enum.IsDefined(spec.Policy), "policy", "is none of the policies");
        Require(rules.MinWords >= 0, "quality.min_words", "must not be negative");
        Require(rules.MaxWords >= 0 && (rules.MaxWords == 0 || rules.MaxWords >= rules.MinWords), "quality.max_words", "must be 0, or at least min_words");
        Require(rules.MinAgreement is >= 0 and <= 1, "quality.min_agreement", "must be between 0 and 1");
        Require(rules.Language.Length == 0 || LanguageGuess.Known.Contains(rules.Language), "quality.language", $"must be one of {string.Join(", ", LanguageGuess.Known)}");
        Require(Enum.IsDefined(rules.Duplicates), "quality.duplicates", "is none of the rules");
        Require(rules.Judge.Length > 0 || rules.JudgePrompt.Length == 0, "quality.judge_prompt", "needs a judge");
        var teachers = Teachers(spec, field, Require);
        Require(!spec.StreamText || (teachers.Count == 1 && spec.Samples <= 1), "stream_text", "needs one teacher and one sample: there is no telling answers apart");
        Require(!spec.Rationalize || teachers.All(teacher => teacher.Prompt is not null), "rationalize", "needs teachers that take a prompt");
        Require(spec.TopLogProbabilities == 0 || teachers.All(teacher => teacher.Backend.GivesLogProbabilities), "top_log_probabilities", "needs teachers that give them");
        Require(spec.Samples <= 1 || teachers.All(teacher => teacher.Backend.Samples), "samples", "needs teachers that are sampled: one of these always answers the same");
        return new ExplainPlan
        {
            Teachers = teachers,
            Policy = spec.Policy == TeacherPolicy.Unspecified ? TeacherPolicy.Weighted : spec.Policy,
            Samples = Math.Max(1, spec.Samples),
            Temperature = spec.HasTemperature ? spec.Temperature : spec.Samples > 1 ? SamplingTemperature : 0,
            MaxOutputTokens = spec.MaxOutputTokens,
            TopLogProbabilities = spec.TopLogProbabilities,
            Rationalize = spec.Rationalize,
            Rules = rules,
            Judge = JudgeOf(rules, field),
            Deadline = deadline,
            Budget = new CallBudget(job is null ? spec.BudgetNanos : 0),
            Accounts = job is null ? AccountLimit.OfTag(spec.Tag) : [new AccountLimit(job, spec.BudgetNanos), .. AccountLimit.OfTag(spec.Tag)],
        };
    }

    private List<PlannedTeacher> Teachers(RationaleSpec spec, string field, Action<bool, string, string> require)
    {
        require(spec.Teachers.Count <= MaxTeachers, "teachers", $"has more than {MaxTeachers}");
        require(spec.Teachers.Count == 0 || spec.Teacher.Length == 0, "teacher", "and `teachers` exclude each other");
        require(spec.Teachers.Count > 1 || spec.Policy == TeacherPolicy.Unspecified, "policy", "needs several teachers");
        require(spec.Teachers.All(share => !share.HasWeight || share.Weight is > 0 and <= 1e6), "teachers", "must have weights above 0");
        require(spec.Teachers.Select(share => share.Teacher).Distinct().Count() == spec.Teachers.Count, "teachers", "names one twice");
        return spec.Teachers.Count == 0
            ? [Planned(spec.Teacher, spec.Prompt, 1, $"{field}.teacher", $"{field}.prompt")]
            : [.. spec.Teachers.Select(share => Planned(share.Teacher, spec.Prompt, share.HasWeight ? share.Weight : 1, $"{field}.teachers", $"{field}.prompt"))];
    }

    private PlannedTeacher? JudgeOf(QualityRules rules, string field)
    {
        if (rules.Judge.Length == 0)
        {
            return null;
        }

        var judge = Planned(rules.Judge, rules.JudgePrompt.Length > 0 ? rules.JudgePrompt : DefaultJudgePrompt, 1, $"{field}.quality.judge", $"{field}.quality.judge_prompt");
        return judge.Prompt!.Format.Labels.Contains(Explainer.Sound)
            ? judge
            : throw RpcFailure.InvalidArgument($"{field}.quality.judge_prompt", $"must be a classification with the label '{Explainer.Sound}'");
    }

    private PlannedTeacher Planned(string teacher, string prompt, double weight, string teacherField, string promptField)
    {
        var (name, backend, permits) = catalog.Find(teacher, teacherField);
        var chosen = prompt.Length == 0 ? backend.DefaultPrompt
            : backend.DefaultPrompt is null ? throw RpcFailure.InvalidArgument(promptField, $"{name} takes no prompt")
            : prompts.Find(prompt);
        return new PlannedTeacher(name, backend, chosen, weight, permits);
    }
}
