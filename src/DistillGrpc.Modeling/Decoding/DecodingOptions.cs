namespace DistillGrpc.Modeling.Decoding;

/// <summary>How an answer is written. Everything is bounded; <see cref="Validate"/> says by its wire name which field is wrong.</summary>
public sealed record DecodingOptions
{
    /// <summary>Most tokens of an answer.</summary>
    public const int MostTokens = 16_384;

    /// <summary>Most beams, and most answers.</summary>
    public const int MostBeams = 64;

    /// <summary>Most tokens of the forced prefix.</summary>
    public const int MostPrefixTokens = 1024;

    /// <summary>Most rows in which choices are weighed.</summary>
    public const int MostChoiceRows = 1024;

    /// <summary>Most top log-probabilities a token.</summary>
    public const int MostTopLogProbabilities = 100;

    /// <summary>Most tokens that are written, the end-of-sequence token included; 1 to 16,384. With <see cref="Allowed"/> no less than its longest sequence.</summary>
    public required int MaxTokens { get; init; }

    /// <summary>Beams of beam search, 1 to 64; default 1, no beam search.</summary>
    public int Beams { get; init; } = 1;

    /// <summary>Answers: with beams the n best, no more than those; with a temperature so many samples, up to 64; default 1.</summary>
    public int Answers { get; init; } = 1;

    /// <summary>Beam search divides a sequence's log-probability by its length to this power, -10 to 10; default 1. Above 0 favours long answers.</summary>
    public double LengthPenalty { get; init; } = 1;

    /// <summary>Beam search ends once it has as many finished answers as beams, not when none that is better can follow (Hugging Face's estimate); default off.</summary>
    public bool EarlyStopping { get; init; }

    /// <summary>Sampling: logits are divided by it, 0 to 100; default 0, the likeliest token at every step, which is what sampling tends to and what no filter below changes.</summary>
    public double Temperature { get; init; }

    /// <summary>Sampling from the k likeliest tokens (and those equal to the last of them); default 0, all.</summary>
    public int TopK { get; init; }

    /// <summary>Then from the fewest likeliest tokens that have at least this probability together, above 0 to 1; default 1, all.</summary>
    public double TopP { get; init; } = 1;

    /// <summary>Then from those at least this many times as likely as the likeliest, 0 to 1; default 0, all.</summary>
    public double MinP { get; init; }

    /// <summary>Divides positive and multiplies negative logits of tokens that were there (CTRL, arXiv 1909.05858; start id and prefix count), above 0 to 10; default 1, none.</summary>
    public double RepetitionPenalty { get; init; } = 1;

    /// <summary>No n tokens in a row come twice (start id and prefix count), up to 64; default 0, off. Not with <see cref="Allowed"/>.</summary>
    public int NoRepeatNgram { get; init; }

    /// <summary>Sampling's seed: the same seed gives the same answers, whatever else is decoded (in float32 as far as its rounding allows, see <see cref="Engines.IT5Engine"/>); default 0.</summary>
    public long Seed { get; init; }

    /// <summary>What the answer is made to begin with, behind the start id; neither given back nor counted; default nothing.</summary>
    public IReadOnlyList<int> Prefix { get; init; } = [];

    /// <summary>
    /// Whether log-probabilities are taken; default true. Without, a greedy step need not sum over the vocabulary: answers then have no
    /// log-probabilities, and a score of NaN. Beam search and several samples take them in any case.
    /// </summary>
    public bool LogProbabilities { get; init; } = true;

    /// <summary>How many tokens are given with their log-probabilities for every token written, that one first, up to 100; default 0.</summary>
    public int TopLogProbabilities { get; init; }

    /// <summary>
    /// Only its sequences are written; null, the default, is any. Log-probabilities are then over the tokens allowed at a step, so
    /// that those of all its sequences add up to 1, and an engine need not compute the rest of the vocabulary.
    /// </summary>
    public TokenTrie? Allowed { get; init; }

    /// <summary>
    /// Nothing is written: every choice between the sequences of <see cref="Allowed"/> is weighed (<see cref="Generation.Choices"/>), in so many rows of a step at most, up to
    /// 1024, and whatever else is set but the prefix counts for nothing; default 0, off.
    /// </summary>
    public int ChoiceRows { get; init; }

    /// <summary>Rows that a step may have for it.</summary>
    public int Rows => ChoiceRows > 0 ? Math.Clamp(ChoiceRows, 1, Math.Max(1, Allowed?.Decisions ?? 1)) : Math.Max(Beams, Answers);

    /// <summary>Tokens that its sequences have room for, together.</summary>
    public long SequenceTokens => ChoiceRows > 0 && Allowed is not null
        ? Math.Clamp((long)Rows * Allowed.DecisionLength, 1, Math.Max(1, Allowed.Decisions)) * (Prefix.Count + Allowed.DecisionLength)
        : (long)Rows * (Prefix.Count + MaxTokens);

    /// <summary>Checks every field that can be judged without a model.</summary>
    /// <exception cref="ArgumentException">A field is wrong: <see cref="ArgumentException.ParamName"/> has its snake_case name.</exception>
    public void Validate()
    {
        Require(MaxTokens is >= 1 and <= MostTokens, "max_tokens", $"must be 1 to {MostTokens}");
        Require(Beams is >= 1 and <= MostBeams, "beams", $"must be 1 to {MostBeams}");
        Require(Temperature is >= 0 and <= 100, "temperature", "must be 0 to 100");
        Require(Temperature == 0 || Beams == 1, "temperature", "must be 0 with beams: beam search does not sample");
        Require(Answers >= 1 && Answers <= (Temperature > 0 ? MostBeams : Beams), "answers", $"must be 1 to the number of beams, or, with a temperature, {MostBeams}");
        Require(LengthPenalty is >= -10 and <= 10, "length_penalty", "must be -10 to 10");
        Require(TopK >= 0, "top_k", "must be 0 (all) or more");
        Require(TopP is > 0 and <= 1, "top_p", "must be above 0, to 1 (all)");
        Require(MinP is >= 0 and <= 1, "min_p", "must be 0 (all) to 1");
        Require(RepetitionPenalty is > 0 and <= 10, "repetition_penalty", "must be above 0, to 10; 1 is none");
        Require(NoRepeatNgram is >= 0 and <= 64, "no_repeat_ngram", "must be 0 (off) to 64");
        Require(NoRepeatNgram == 0 || Allowed is null, "no_repeat_ngram", "must be 0 where only some sequences are allowed: it might leave none");
        Require(Prefix.Count <= MostPrefixTokens, "prefix", $"must have at most {MostPrefixTokens} tokens");
        Require(TopLogProbabilities is >= 0 and <= MostTopLogProbabilities, "top_log_probabilities", $"must be 0 to {MostTopLogProbabilities}");
        Require(ChoiceRows is >= 0 and <= MostChoiceRows, "choice_rows", $"must be 0 (off) to {MostChoiceRows}");
        Require(ChoiceRows == 0 || Allowed is not null, "choice_rows", "must be 0 where any sequence is allowed");
        Require(Allowed is null || Allowed.Longest <= MaxTokens, "max_tokens", $"must be at least {Allowed?.Longest}, the longest sequence allowed");
    }

    private static void Require(bool holds, string field, string rule)
    {
        if (!holds)
        {
            throw new ArgumentException(rule, field);
        }
    }
}
