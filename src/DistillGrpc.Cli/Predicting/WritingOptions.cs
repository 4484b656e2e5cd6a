using System.CommandLine;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Predicting;

/// <summary>The options that say how an answer is written. Those that are not given leave the Student's default.</summary>
internal sealed class WritingOptions
{
    private readonly List<(Option Option, Action<ParseResult, PredictRequest> Set)> _options = [];

    /// <param name="ofLabels">Whether labels are written with them, too.</param>
    public WritingOptions(bool ofLabels = true)
    {
        Add<int>("--num-beams", "Beams of beam search.", (request, beams) => Decoding(request).NumBeams = beams);
        Add<int>("--num-answers", "Answers, best first: with --num-beams or --temperature. --json shows all.", (request, answers) => Decoding(request).NumAnswers = answers);
        Add<double>("--length-penalty", "With --num-beams: the power of its length that an answer is judged by; the higher the longer.", (request, penalty) => Decoding(request).LengthPenalty = penalty);
        Add<double>("--temperature", "Samples: the higher the more varied.", (request, temperature) => Decoding(request).Temperature = temperature);
        Add<int>("--top-k", "With --temperature: from so many of the likeliest tokens.", (request, count) => Decoding(request).TopK = count);
        Add<double>("--top-p", "With --temperature: from the likeliest tokens that have this probability together.", (request, share) => Decoding(request).TopP = share);
        Add<double>("--min-p", "With --temperature: from the tokens at least this many times as likely as the likeliest.", (request, share) => Decoding(request).MinP = share);
        Add<double>("--repetition-penalty", "Above 1: what was written becomes less likely.", (request, penalty) => Decoding(request).RepetitionPenalty = penalty);
        Add<int>("--no-repeat-ngram", "No so many tokens in a row come twice.", (request, size) => Decoding(request).NoRepeatNgramSize = size);
        Add<long>("--seed", "With --temperature: the same seed gives the same samples.", (request, seed) => Decoding(request).Seed = seed);
        Add<string>("--prefix", "What the answer begins with.", (request, prefix) => Decoding(request).Prefix = prefix);
        Add<string[]>("--stop", "A text that ends the answer; may be given several times.", (request, stops) => Decoding(request).Stop.AddRange(stops));
        if (ofLabels)
        {
            Add<string[]>("--candidate", "A label that the answer may be; given several times, it is one of them.", (request, labels) => request.Candidates.AddRange(labels));
        }

        Add<string>("--routing-key", "Whose request it is: the same key gets the same version while a model's requests are divided among several.", (request, key) => request.RoutingKey = key);
        Add<int>("--logprobs", "With --json: so many tokens with their log-probabilities for every one written.", (request, count) => request.TopLogProbabilities = count);
    }

    public void AddTo(Command command)
    {
        foreach (var (option, _) in _options)
        {
            command.Options.Add(option);
        }
    }

    /// <summary>Puts what was given into a request.</summary>
    public void Set(ParseResult parsed, PredictRequest request)
    {
        foreach (var (_, set) in _options)
        {
            set(parsed, request);
        }
    }

    private void Add<T>(string name, string description, Action<PredictRequest, T> set)
    {
        var option = new Option<T>(name) { Description = description };
        _options.Add((option, Set));

        void Set(ParseResult parsed, PredictRequest request)
        {
            if (parsed.GetResult(option) is not null)
            {
                set(request, parsed.GetValue(option)!);
            }
        }
    }

    private static DecodingOptions Decoding(PredictRequest request) => request.Decoding ??= new DecodingOptions();
}
