using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends.OpenAi.Batches;
using DistillGrpc.Teacher.Spending;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>What the operator sets for a teacher of the kind <c>openai</c>.</summary>
internal sealed record OpenAiOptions
{
    private const string Chat = "chat";
    private const string Completions = "completions";
    private const string MaxTokens = "max_tokens";
    private const string MaxCompletionTokens = "max_completion_tokens";

    /// <summary>The teacher's id, for messages that name a setting.</summary>
    public required string Id { get; init; }

    /// <summary>Where the interface is, such as <c>https://api.openai.com/v1</c>.</summary>
    public required string Endpoint { get; init; }

    /// <summary>The model, as the endpoint names it.</summary>
    public required string Model { get; init; }

    /// <summary>The key; empty for an endpoint that wants none.</summary>
    public required string ApiKey { get; init; }

    /// <summary>How it is asked.</summary>
    public required OpenAiApi Api { get; init; }

    /// <summary>The name of the limit of tokens; completions know the older one only.</summary>
    public required TokenLimitField TokenLimitField { get; init; }

    /// <summary>Most tokens of an answer where the request does not say.</summary>
    public required int MaxOutputTokens { get; init; }

    /// <summary>What tokens cost.</summary>
    public required Price Price { get; init; }

    /// <summary>All that may ever be spent, in billionths of the currency; 0 for no limit.</summary>
    public required long Budget { get; init; }

    /// <summary>Most bytes of one response, so that a stream without end has one.</summary>
    public required long MaxResponseBytes { get; init; }

    /// <summary>Most calls at once.</summary>
    public required int MaxConcurrency { get; init; }

    /// <summary>Most calls a minute; 0 for no limit.</summary>
    public required int RequestsPerMinute { get; init; }

    /// <summary>Most tokens a minute; 0 for no limit.</summary>
    public required int TokensPerMinute { get; init; }

    /// <summary>Calls of the last half minute after which it is left alone, where half of them failed.</summary>
    public required int BreakAfter { get; init; }

    /// <summary>How long it is left alone then.</summary>
    public required TimeSpan BreakDuration { get; init; }

    /// <summary>How often a failed call is tried again.</summary>
    public required int Retries { get; init; }

    /// <summary>Time before the second call.</summary>
    public required TimeSpan RetryDelay { get; init; }

    /// <summary>How long a call may write nothing before a second one is made beside it; 0 for ever.</summary>
    public required TimeSpan HedgeAfter { get; init; }

    /// <summary>Longest time of one call.</summary>
    public required TimeSpan AttemptTimeout { get; init; }

    /// <summary>Longest time for an input, with all that is tried again.</summary>
    public required TimeSpan Timeout { get; init; }

    /// <summary>How inputs are collected; null where each is asked by itself.</summary>
    public required BatchOptions? Batch { get; init; }

    // A record prints its members, and the key must not be printed.
    public override string ToString() => $"{Model} at {Endpoint}";

    /// <summary>Reads a teacher's settings.</summary>
    /// <exception cref="InvalidOperationException">One cannot be used; the message names it.</exception>
    public static OpenAiOptions Of(string id, TeacherEntry entry)
    {
        void Require(bool condition, string setting, string message) => Setting.Require(condition, $"Teachers:{id}:{setting}", message);

        var isAddress = Uri.TryCreate(entry.Endpoint, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";
        Require(isAddress, nameof(entry.Endpoint), $"'{entry.Endpoint}' is not an address such as https://api.openai.com/v1.");
        Require(uri!.UserInfo.Length == 0, nameof(entry.Endpoint), "a key does not belong into the address; use ApiKey.");
        Require(entry.ApiKey.Length == 0 || uri.Scheme == "https" || uri.IsLoopback, nameof(entry.Endpoint), "a key is sent over https only, or to this machine.");
        Require(entry.Model.Length > 0, nameof(entry.Model), "must name the endpoint's model.");
        Require(entry.ApiKey.All(c => c is > ' ' and < '\x7f'), nameof(entry.ApiKey), "has a character that no key has.");
        Require(entry.Api is Chat or Completions, nameof(entry.Api), $"'{entry.Api}' is not one of {Chat} and {Completions}.");
        Require(entry.TokenLimitField is "" or MaxTokens or MaxCompletionTokens, nameof(entry.TokenLimitField), $"'{entry.TokenLimitField}' is not one of {MaxTokens} and {MaxCompletionTokens}.");
        Require(entry.Api == Chat || entry.TokenLimitField != MaxCompletionTokens, nameof(entry.TokenLimitField), $"must be {MaxTokens} with Api={Completions}.");
        Require(entry.MaxOutputTokens is > 0 and <= 1 << 20, nameof(entry.MaxOutputTokens), "must be 1 to 1048576.");
        Require(entry.InputPrice is >= 0 and <= 1_000_000, nameof(entry.InputPrice), "must be 0 to 1000000 for a million tokens.");
        Require(entry.OutputPrice is >= 0 and <= 1_000_000, nameof(entry.OutputPrice), "must be 0 to 1000000 for a million tokens.");
        Require(entry.Budget is >= 0 and <= 1_000_000_000, nameof(entry.Budget), "must be 0 (no limit) to 1000000000.");
        Require(entry.Budget == 0 || entry.InputPrice + entry.OutputPrice > 0, nameof(entry.Budget), "needs InputPrice and OutputPrice.");
        Require(entry.MaxResponseBytes > 0, nameof(entry.MaxResponseBytes), "must be above 0.");
        Require(entry.MaxConcurrency is > 0 and <= 10_000, nameof(entry.MaxConcurrency), "must be 1 to 10000.");
        Require(entry.RequestsPerMinute >= 0, nameof(entry.RequestsPerMinute), "must not be negative.");
        Require(entry.TokensPerMinute >= 0, nameof(entry.TokensPerMinute), "must not be negative.");
        Require(entry.BreakAfter is >= 2 and <= 1_000_000, nameof(entry.BreakAfter), "must be 2 to 1000000.");
        Require(entry.BreakDuration >= TimeSpan.FromMilliseconds(500) && entry.BreakDuration <= TimeSpan.FromHours(1), nameof(entry.BreakDuration), "must be half a second to an hour.");
        Require(entry.Retries is >= 0 and <= 100, nameof(entry.Retries), "must be 0 to 100.");
        Require(entry.RetryDelay >= TimeSpan.Zero && entry.RetryDelay <= TimeSpan.FromSeconds(30), nameof(entry.RetryDelay), "must be 0 to 30 seconds.");
        Require(entry.HedgeAfter >= TimeSpan.Zero && entry.HedgeAfter <= TimeSpan.FromDays(1), nameof(entry.HedgeAfter), "must be 0 (off) to a day.");
        Require(entry.AttemptTimeout > TimeSpan.Zero && entry.AttemptTimeout <= TimeSpan.FromDays(1), nameof(entry.AttemptTimeout), "must be above 0 and at most a day.");
        Require(entry.Timeout >= entry.AttemptTimeout && entry.Timeout <= TimeSpan.FromDays(1), nameof(entry.Timeout), "must be at least AttemptTimeout and at most a day.");
        Require(!entry.Batch || entry.Api == Chat, nameof(entry.Batch), $"needs Api={Chat}.");
        Require(!entry.Batch || entry.HedgeAfter == TimeSpan.Zero, nameof(entry.HedgeAfter), "must be 0 (off) with Batch.");
        Require(entry.BatchSize is >= 1 and <= 50_000, nameof(entry.BatchSize), "must be 1 to 50000.");
        Require(entry.BatchWait >= TimeSpan.Zero && entry.BatchWait <= TimeSpan.FromHours(1), nameof(entry.BatchWait), "must be 0 to an hour.");
        Require(entry.BatchTimeout > TimeSpan.Zero && entry.BatchTimeout <= TimeSpan.FromDays(30), nameof(entry.BatchTimeout), "must be above 0 and at most 30 days.");
        Require(entry.BatchPriceFactor is > 0 and <= 1, nameof(entry.BatchPriceFactor), "must be above 0 and at most 1.");
        var factor = entry.Batch ? entry.BatchPriceFactor : 1;
        return new OpenAiOptions
        {
            Id = id,
            Endpoint = entry.Endpoint,
            Model = entry.Model,
            ApiKey = entry.ApiKey,
            Api = entry.Api == Completions ? OpenAiApi.Completions : OpenAiApi.Chat,
            TokenLimitField = entry.Api == Completions || entry.TokenLimitField == MaxTokens ? TokenLimitField.MaxTokens : TokenLimitField.MaxCompletionTokens,
            MaxOutputTokens = entry.MaxOutputTokens,
            Price = Price.PerMillion(entry.InputPrice * factor, entry.OutputPrice * factor),
            Budget = (long)(entry.Budget * 1_000_000_000),
            MaxResponseBytes = entry.MaxResponseBytes,
            MaxConcurrency = entry.MaxConcurrency,
            RequestsPerMinute = entry.RequestsPerMinute,
            TokensPerMinute = entry.TokensPerMinute,
            BreakAfter = entry.BreakAfter,
            BreakDuration = entry.BreakDuration,
            Retries = entry.Retries,
            RetryDelay = entry.RetryDelay,
            HedgeAfter = entry.HedgeAfter,
            AttemptTimeout = entry.AttemptTimeout,
            Timeout = entry.Timeout,
            Batch = entry.Batch ? new BatchOptions(entry.BatchSize, entry.BatchWait, entry.BatchTimeout) : null,
        };
    }
}
