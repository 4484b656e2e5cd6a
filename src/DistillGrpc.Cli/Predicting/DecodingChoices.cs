using System.CommandLine;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Predicting;

/// <summary>The options that say how tokens are chosen, for all that is written or for one task. Those that are not given leave the Student's default.</summary>
internal sealed class DecodingChoices
{
    private readonly List<(Option Option, Action<ParseResult, DecodingOptions> Set)> _options = [];
    private readonly string _prefix;

    /// <param name="prefix">What their names begin with, such as <c>--</c>.</param>
    /// <param name="task">What their descriptions begin with.</param>
    public DecodingChoices(string prefix = "--", string task = "")
    {
        _prefix = prefix;
        Add<int>("num-beams", $"{task}Beams of beam search.", (decoding, beams) => decoding.NumBeams = beams);
        Add<int>("num-answers", $"{task}Answers, best first: with {prefix}num-beams or {prefix}temperature. --json shows all.", (decoding, answers) => decoding.NumAnswers = answers);
        Add<double>("length-penalty", $"{task}With {prefix}num-beams: the power of its length that an answer is judged by; the higher the longer.", (decoding, penalty) => decoding.LengthPenalty = penalty);
        Add<double>("temperature", $"{task}Samples: the higher the more varied.", (decoding, temperature) => decoding.Temperature = temperature);
        Add<int>("top-k", $"{task}With {prefix}temperature: from so many of the likeliest tokens.", (decoding, count) => decoding.TopK = count);
        Add<double>("top-p", $"{task}With {prefix}temperature: from the likeliest tokens that have this probability together.", (decoding, share) => decoding.TopP = share);
        Add<double>("min-p", $"{task}With {prefix}temperature: from the tokens at least this many times as likely as the likeliest.", (decoding, share) => decoding.MinP = share);
        Add<double>("repetition-penalty", $"{task}Above 1: what was written becomes less likely.", (decoding, penalty) => decoding.RepetitionPenalty = penalty);
        Add<int>("no-repeat-ngram", $"{task}No so many tokens in a row come twice.", (decoding, size) => decoding.NoRepeatNgramSize = size);
        Add<long>("seed", $"{task}With {prefix}temperature: the same seed gives the same samples.", (decoding, seed) => decoding.Seed = seed);
        Add<string>("prefix", $"{task}What the answer begins with.", (decoding, text) => decoding.Prefix = text);
        Add<string[]>("stop", $"{task}A text that ends the answer; may be given several times.", (decoding, stops) => decoding.Stop.AddRange(stops));
    }

    public void AddTo(Command command)
    {
        foreach (var (option, _) in _options)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>The first one that was given, as it was written; null where none was.</summary>
    public string? NameIn(ParseResult parsed) => _options.Find(option => parsed.GetResult(option.Option) is not null).Option?.Name;

    /// <summary>What was given; null where nothing was.</summary>
    public DecodingOptions? Of(ParseResult parsed)
    {
        if (NameIn(parsed) is null)
        {
            return null;
        }

        var decoding = new DecodingOptions();
        foreach (var (_, set) in _options)
        {
            set(parsed, decoding);
        }

        return decoding;
    }

    private void Add<T>(string name, string description, Action<DecodingOptions, T> set)
    {
        var option = new Option<T>(_prefix + name) { Description = description };
        _options.Add((option, Set));

        void Set(ParseResult parsed, DecodingOptions decoding)
        {
            if (parsed.GetResult(option) is not null)
            {
                set(decoding, parsed.GetValue(option)!);
            }
        }
    }
}
