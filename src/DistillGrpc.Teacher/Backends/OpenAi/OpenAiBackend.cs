using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Parsing;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;
using Grpc.Core;
using Microsoft.Extensions.AI;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// Any endpoint with OpenAI's chat completions or completions: the answer is streamed, and is whole only when the stream says why it ended.
/// What may pass is tried again; the call's deadline and cancellation reach the endpoint.
/// </summary>
internal sealed class OpenAiBackend : IPaidBackend
{
    private const int CharactersPerToken = 4;
    private const string ContentFilter = "content_filter";
    private readonly IUpstream _upstream;
    private readonly HttpClient _http;
    private readonly UpstreamRetry _retry;
    private readonly UpstreamLimits _limits;
    private readonly OpenAiOptions _options;
    private readonly TimeProvider _time;
    private readonly UpstreamHealth? _health;

    public OpenAiBackend(OpenAiOptions options, Prompt prompt, TimeProvider time, UpstreamHealth? health = null, HttpMessageHandler? network = null)
    {
        (_options, _time, DefaultPrompt) = (options, time, prompt);
        Setting.Require(prompt.ResponseFormat is null || options.Api == OpenAiApi.Chat, $"Teachers:{options.Id}:Prompt", $"{prompt.Name} is structured, which needs Api=chat.");
        _health = health;
        _retry = new UpstreamRetry(options, time, Random.Shared.NextDouble, health);
        _limits = new UpstreamLimits(options, time);
        // Our own handlers and pipeline say how long, how often and how much; the SDK's would say it once more.
        _http = new HttpClient(new GuardedHandler(options) { InnerHandler = network ?? GuardedHandler.Network() }) { Timeout = Timeout.InfiniteTimeSpan };
        _upstream = options.Api == OpenAiApi.Chat ? new ChatUpstream(options, _http, time) : new CompletionsUpstream(options, _http, time);
    }

    public string Kind => "openai";

    public string Model => _options.Model;

    public string Form => _options.Api == OpenAiApi.Chat ? "" : "completions";

    public Prompt DefaultPrompt { get; }

    public Price Price => _options.Price;

    public long Budget => _options.Budget;

    public int MaxConcurrency => _options.MaxConcurrency;

    public TeacherTrouble? Trouble => _health?.Trouble;

    public (long Bytes, int Turns, int MaxTokens) SizeOf(Example input, RationaleQuery query)
    {
        var prompt = PromptOf(query);
        if (prompt.ResponseFormat is not null && _options.Api != OpenAiApi.Chat)
        {
            throw new TeacherRowException(StatusCode.InvalidArgument, "INVALID_FIELD", $"spec.prompt: {prompt.Name} is structured, which this teacher cannot be", "spec.prompt");
        }

        var (bytes, turns) = prompt.SizeOf(input, query.Use);
        return (bytes, turns, MaxTokensOf(query));
    }

    /// <summary>What is asked.</summary>
    public UpstreamQuestion QuestionOf(Example input, RationaleQuery query) =>
        new(PromptOf(query).Render(input, query.Use), MaxTokensOf(query), (float)query.Temperature, query.TopLogProbabilities, PromptOf(query).ResponseFormat);

    public async ValueTask<WrittenAnswer> AskAsync(byte[] key, Example input, RationaleQuery query, TextListener onText, Attempt attempt, CancellationToken cancellationToken)
    {
        var question = QuestionOf(input, query);
        var tokens = (int)Math.Min(int.MaxValue, (question.Turns.Sum(turn => (long)turn.Text.Length) / CharactersPerToken) + question.MaxTokens);
        var hasWritten = false;
        return await _retry.RunAsync(
            (clock, token) =>
            {
                var isRestart = hasWritten;
                return _options.HedgeAfter > TimeSpan.Zero ? HedgedAsync(token) : attempt(inner => CallAsync(null, text => OnTextAsync(text, false), inner), token);

                async ValueTask<WrittenAnswer> HedgedAsync(CancellationToken outer)
                {
                    using var both = new HedgedCall(OnTextAsync);
                    return await both.RunAsync((call, last) => attempt(inner => CallAsync(call, call.WriteAsync, inner), last), _options.HedgeAfter, _time, outer);
                }

                // A place is taken for the call alone: what is written to the disk before and after keeps nobody waiting.
                async ValueTask<WrittenAnswer> CallAsync(HedgedCall.Call? hedged, Func<string, ValueTask> onMore, CancellationToken inner)
                {
                    var permit = await _limits.EnterAsync(tokens, inner);
                    clock.Begin();
                    try
                    {
                        hedged?.Begin();
                        var written = await _retry.CallAsync(last => _upstream.AskAsync(question, MoreAsync, last), inner);
                        permit.Leave(null);
                        return written;
                    }
                    catch (Exception failure)
                    {
                        permit.Leave(failure);
                        throw;
                    }

                    ValueTask MoreAsync(string text)
                    {
                        clock.HasText = true;
                        return onMore(text);
                    }
                }

                async ValueTask OnTextAsync(string text, bool isAnew)
                {
                    await onText(text, isRestart || isAnew);
                    (isRestart, hasWritten) = (false, true);
                }
            },
            query.Deadline,
            cancellationToken);
    }

    public BackendAnswer Read(WrittenAnswer written, RationaleQuery query, Example input)
    {
        var prompt = PromptOf(query);
        var (isCut, shown) = (written.FinishReason == ChatFinishReason.Length.Value, string.Join('\n', input.Segments));
        var read = written.FinishReason is ContentFilter or ChatUpstream.Refused
            ? new ParsedAnswer(ParseOutcome.Refusal, "", "")
            : AnswerParser.Parse(written.Text, prompt.Format, shown, isCut, prompt.EchoOf(input, query.Use));
        return new BackendAnswer(read.Outcome, read.Rationale, read.Label, written.Text, written.FinishReason)
        {
            Model = written.Model,
            Usage = written.Usage,
            Created = written.Created,
            Tokens = written.Tokens,
            Distribution = LabelDistribution.Of(written.Text, read.LabelAt, written.Tokens, prompt.Format, shown),
        };
    }

    public void Dispose()
    {
        _limits.Dispose();
        _upstream.Dispose();
        _http.Dispose();
    }

    private Prompt PromptOf(RationaleQuery query) => query.Prompt ?? DefaultPrompt;

    private int MaxTokensOf(RationaleQuery query) => query.MaxOutputTokens > 0 ? query.MaxOutputTokens : _options.MaxOutputTokens;
}
