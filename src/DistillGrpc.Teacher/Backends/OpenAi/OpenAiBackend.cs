using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Parsing;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// Any endpoint with OpenAI's chat completions: the answer is streamed, and is whole only when the stream says why it ended.
/// What may pass is tried again; the call's deadline and cancellation reach the endpoint.
/// </summary>
internal sealed class OpenAiBackend : IPaidBackend
{
    private const int CharactersPerToken = 4;
    private readonly IChatClient _chat;
    private readonly HttpClient _http;
    private readonly UpstreamRetry _retry;
    private readonly UpstreamLimits _limits;
    private readonly OpenAiOptions _options;
    private readonly TimeProvider _time;

    public OpenAiBackend(OpenAiOptions options, Prompt prompt, TimeProvider time, HttpMessageHandler? network = null)
    {
        (_options, _time, DefaultPrompt) = (options, time, prompt);
        _retry = new UpstreamRetry(options, time, Random.Shared.NextDouble);
        _limits = new UpstreamLimits(options, time);
        // Our own handlers and pipeline say how long, how often and how much; the SDK's would say it once more.
        _http = new HttpClient(new GuardedHandler(options) { InnerHandler = network ?? GuardedHandler.Network() }) { Timeout = Timeout.InfiniteTimeSpan };
        var client = new OpenAIClientOptions
        {
            Endpoint = new Uri(options.Endpoint),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = Timeout.InfiniteTimeSpan,
            Transport = new HttpClientPipelineTransport(_http),
        };
        _chat = new ChatClient(options.Model, new ApiKeyCredential(options.ApiKey.Length > 0 ? options.ApiKey : "none"), client).AsIChatClient();
    }

    public string Kind => "openai";

    public string Model => _options.Model;

    public Prompt DefaultPrompt { get; }

    public Price Price => _options.Price;

    public long Budget => _options.Budget;

    public int MaxConcurrency => _options.MaxConcurrency;

    public (long Bytes, int Turns, int MaxTokens) SizeOf(Example input, RationaleQuery query)
    {
        var turns = PromptOf(query).Render(input, query.Use);
        return (turns.Sum(turn => (long)Encoding.UTF8.GetByteCount(turn.Text)), turns.Count, MaxTokensOf(query));
    }

    public async ValueTask<WrittenAnswer> AskAsync(Example input, RationaleQuery query, TextListener onText, Attempt attempt, CancellationToken cancellationToken)
    {
        var turns = PromptOf(query).Render(input, query.Use);
        var options = new ChatOptions { Temperature = (float)query.Temperature, MaxOutputTokens = MaxTokensOf(query) };
        var tokens = (int)Math.Min(int.MaxValue, (turns.Sum(turn => (long)turn.Text.Length) / CharactersPerToken) + options.MaxOutputTokens.Value);
        var hasWritten = false;
        return await _retry.RunAsync(
            (clock, token) =>
            {
                var isRestart = hasWritten;
                return attempt(inner => CallAsync(clock, inner), token);

                // A place is taken for the call alone: what is written to the disk before and after keeps nobody waiting.
                async ValueTask<WrittenAnswer> CallAsync(UpstreamRetry.InputClock clock, CancellationToken inner)
                {
                    var permit = await _limits.EnterAsync(tokens, inner);
                    clock.Begin();
                    try
                    {
                        var written = await _retry.CallAsync(last => AskAsync(turns, options, OnTextAsync, last), inner);
                        permit.Leave(null);
                        return written;
                    }
                    catch (Exception failure)
                    {
                        permit.Leave(failure);
                        throw;
                    }
                }

                async ValueTask OnTextAsync(string text)
                {
                    await onText(text, isRestart);
                    (isRestart, hasWritten) = (false, true);
                }
            },
            query.Deadline,
            cancellationToken);
    }

    public BackendAnswer Read(WrittenAnswer written, RationaleQuery query, Example input)
    {
        var isCut = written.FinishReason == Microsoft.Extensions.AI.ChatFinishReason.Length.Value;
        var (outcome, rationale, label) = written.FinishReason == Microsoft.Extensions.AI.ChatFinishReason.ContentFilter.Value
            ? (ParseOutcome.Refusal, "", "")
            : AnswerParser.Parse(written.Text, PromptOf(query).Format, string.Join('\n', input.Segments), isCut);
        return new BackendAnswer(outcome, rationale, label, written.Text, written.FinishReason) { Model = written.Model, Usage = written.Usage, Created = written.Created };
    }

    public void Dispose()
    {
        _limits.Dispose();
        _chat.Dispose();
        _http.Dispose();
    }

    private async ValueTask<WrittenAnswer> AskAsync(
        IReadOnlyList<Microsoft.Extensions.AI.ChatMessage> messages, ChatOptions options, Func<string, ValueTask> onText, CancellationToken cancellationToken)
    {
        var (text, usage, model, finish) = (new StringBuilder(), new Usage(), "", default(Microsoft.Extensions.AI.ChatFinishReason?));
        try
        {
            await foreach (var update in _chat.GetStreamingResponseAsync(messages, options, cancellationToken))
            {
                (model, finish) = (update.ModelId ?? model, update.FinishReason ?? finish);
                if (update.Contents.OfType<UsageContent>().FirstOrDefault()?.Details is { } counted)
                {
                    usage = new Usage { InputTokens = counted.InputTokenCount ?? 0, OutputTokens = counted.OutputTokenCount ?? 0 };
                }

                if (update.Text is { Length: > 0 } more)
                {
                    text.Append(more);
                    await onText(more);
                }
            }
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested && UpstreamFailure.Of(failure) is { } upstream)
        {
            throw upstream;
        }

        return finish is { } reason
            ? new WrittenAnswer(text.ToString(), reason.Value, model, usage, _time.GetUtcNow())
            : throw UpstreamFailure.CutStream();
    }

    private Prompt PromptOf(RationaleQuery query) => query.Prompt ?? DefaultPrompt;

    private int MaxTokensOf(RationaleQuery query) => query.MaxOutputTokens > 0 ? query.MaxOutputTokens : _options.MaxOutputTokens;
}
