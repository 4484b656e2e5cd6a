using System.CommandLine;
using System.Globalization;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Teaching;

/// <summary>The options that say how a teacher is asked, and which answers are accepted.</summary>
internal sealed class SpecOptions
{
    private readonly Option<string[]> _names = new("--name") { Description = "The teacher, teachers/{id}; default the Teacher's. Given several times, with a weight where it is not 1 (teachers/x=0.7): see --policy.", DefaultValueFactory = _ => [] };
    private readonly Option<string?> _policy = new("--policy") { Description = "What several teachers are for: each input has one of them by weight (the default), all of them vote, or the next one is asked where one has no accepted answer (fallback)." };
    private readonly Option<string> _prompt = new("--prompt") { Description = "The prompt, prompts/{id}; default the teacher's.", DefaultValueFactory = _ => "" };
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Most tokens of an answer; 0 for the teacher's default." };
    private readonly Option<decimal?> _budget = Money.Option("--budget", "Most that it may cost, in the currency of the teacher's prices; 0 for no limit but the operator's.");
    private readonly Option<int> _samples = new("--samples") { Description = "Answers sampled for an input: the label that most of them give is taken." };
    private readonly Option<double?> _temperature = new("--temperature") { Description = "Sampling temperature, 0 to 2; default 0, or 0.7 with several samples." };
    private readonly Option<bool> _rationalize = new("--rationalize") { Description = "Where the answer has not the gold label, asks for the reason of the gold label." };
    private readonly Option<bool> _requireGold = new("--require-gold") { Description = "Rejects an answer whose label is not the gold one." };
    private readonly Option<bool> _rejectLeak = new("--reject-leak") { Description = "Rejects a rationale that states the label outright." };
    private readonly Option<int> _minWords = new("--min-words") { Description = "Fewest words of a rationale." };
    private readonly Option<int> _maxWords = new("--max-words") { Description = "Most words of a rationale; 0 for no limit." };
    private readonly Option<string> _language = new("--language") { Description = "The rationales' language (en, de, ...) or script (Latn, Cyrl, ...).", DefaultValueFactory = _ => "" };
    private readonly Option<double> _minAgreement = new("--min-agreement") { Description = "Least share of the vote, 0 to 1, with several samples or teachers." };
    private readonly Option<string?> _duplicates = new("--duplicates") { Description = "Rejects inputs that repeat an earlier one before they are asked: exact, or near." };
    private readonly Option<string> _judge = new("--judge") { Description = "The teacher that is asked whether a rationale supports its label, teachers/{id}.", DefaultValueFactory = _ => "" };
    private readonly Option<string> _judgePrompt = new("--judge-prompt") { Description = "The judge's prompt, prompts/{id}; default prompts/judge.", DefaultValueFactory = _ => "" };
    private readonly Option<string> _tag = new("--tag") { Description = "Who pays: what it costs is booked on tags/{tag} too.", DefaultValueFactory = _ => "" };
    private readonly Option<int> _logprobs = new("--logprobs") { Description = "Most likely tokens that come with their log-probability at each position, for soft labels." };

    public SpecOptions()
    {
        _policy.AcceptOnlyFromAmong("weighted", "vote", "fallback");
        _duplicates.AcceptOnlyFromAmong("exact", "near");
    }

    public Command AddTo(Command command)
    {
        foreach (var option in new Option[]
        {
            _names, _policy, _prompt, _maxTokens, _budget, _samples, _temperature, _rationalize, _requireGold, _rejectLeak, _minWords, _maxWords, _language, _minAgreement,
            _duplicates, _judge, _judgePrompt, _tag, _logprobs,
        })
        {
            command.Options.Add(option);
        }

        return command;
    }

    /// <summary>What was asked for.</summary>
    /// <exception cref="InvalidDataException">An option cannot be used; the message names it.</exception>
    public RationaleSpec Of(ParseResult parsed)
    {
        var spec = new RationaleSpec
        {
            Prompt = parsed.GetValue(_prompt)!,
            MaxOutputTokens = parsed.GetValue(_maxTokens),
            BudgetNanos = Money.Nanos("--budget", parsed.GetValue(_budget) ?? 0),
            Samples = parsed.GetValue(_samples),
            Rationalize = parsed.GetValue(_rationalize),
            Tag = parsed.GetValue(_tag)!,
            TopLogProbabilities = parsed.GetValue(_logprobs),
            Policy = parsed.GetValue(_policy) switch { "weighted" => TeacherPolicy.Weighted, "vote" => TeacherPolicy.Vote, "fallback" => TeacherPolicy.Fallback, _ => TeacherPolicy.Unspecified },
            Quality = new QualityRules
            {
                RequireGoldLabel = parsed.GetValue(_requireGold),
                RejectLabelLeak = parsed.GetValue(_rejectLeak),
                MinWords = parsed.GetValue(_minWords),
                MaxWords = parsed.GetValue(_maxWords),
                Language = parsed.GetValue(_language)!,
                MinAgreement = parsed.GetValue(_minAgreement),
                Duplicates = parsed.GetValue(_duplicates) switch { "exact" => DuplicateRule.Exact, "near" => DuplicateRule.Near, _ => DuplicateRule.Unspecified },
                Judge = parsed.GetValue(_judge)!,
                JudgePrompt = parsed.GetValue(_judgePrompt)!,
            },
        };
        if (parsed.GetValue(_temperature) is { } temperature)
        {
            spec.Temperature = temperature;
        }

        AddTeachers(spec, parsed.GetValue(_names)!);
        return spec;
    }

    private static void AddTeachers(RationaleSpec spec, string[] names)
    {
        if (names is [var only] && !only.Contains('=', StringComparison.Ordinal) && spec.Policy == TeacherPolicy.Unspecified)
        {
            spec.Teacher = only;
            return;
        }

        foreach (var name in names)
        {
            spec.Teachers.Add(Share(name));
        }
    }

    private static TeacherShare Share(string name)
    {
        var at = name.IndexOf('=', StringComparison.Ordinal);
        if (at < 0)
        {
            return new TeacherShare { Teacher = name };
        }

        return double.TryParse(name[(at + 1)..], NumberStyles.Float, CultureInfo.InvariantCulture, out var weight) && weight is > 0 and < double.PositiveInfinity
            ? new TeacherShare { Teacher = name[..at], Weight = weight }
            : throw new InvalidDataException($"--name: the weight in '{name}' is not a number above 0.");
    }
}
