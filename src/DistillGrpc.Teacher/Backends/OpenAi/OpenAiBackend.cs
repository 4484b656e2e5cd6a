using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Parsing;
using DistillGrpc.Teacher.Prompts;
using Grpc.Core;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;
using Polly;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// Any endpoint with OpenAI's chat completions: the answer is streamed, and is whole only when the stream says why it ended.
/// What may pass is tried again; the call's deadline and cancellation reach the endpoint.
/// </summary>
internal sealed class OpenAiBackend : ITeacherBackend, IDisposable
{
    private readonly IChatClient _chat;
    private readonly HttpClient _http;
    private readonly UpstreamRetry _retry;
    private readonly OpenAiOptions _options;

    public OpenAiBackend(OpenAiOptions options, Prompt prompt, TimeProvider time, HttpMessageHandler? network = null)
    {
        (_options, DefaultPrompt) = (options, prompt);
        _retry = new UpstreamRetry(options, time, Random.Shared.NextDouble);
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

    Prompt? ITeacherBackend.DefaultPrompt => DefaultPrompt;

    public async ValueTask<BackendAnswer> AnswerAsync(Example input, RationaleQuery query, TextListener? onText, CancellationToken cancellationToken)
    {
        var prompt = query.Prompt ?? DefaultPrompt;
        var messages = prompt.Render(input);
        var options = new ChatOptions
        {
            Temperature = (float)query.Temperature,
            MaxOutputTokens = query.MaxOutputTokens > 0 ? query.MaxOutputTokens : _options.MaxOutputTokens,
        };
        var written = 0;
        var answer = await _retry.RunAsync(
            async token =>
            {
                var isRestart = written > 0;
                return await AskAsync(
                    messages,
                    options,
                    onText is null ? null : async text =>
                    {
                        await onText(text, isRestart);
                        (isRestart, written) = (false, written + 1);
                    },
                    token);
            },
            query.Deadline,
            cancellationToken);
        return Read(answer, prompt, input);
    }

    public void Dispose()
    {
        _chat.Dispose();
        _http.Dispose();
    }

    private async ValueTask<WholeText> AskAsync(IReadOnlyList<Microsoft.Extensions.AI.ChatMessage> messages, ChatOptions options, Func<string, ValueTask>? onText, CancellationToken cancellationToken)
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
                    if (onText is not null)
                    {
                        await onText(more);
                    }
                }
            }
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested && UpstreamFailure.Of(failure) is { } upstream)
        {
            throw upstream;
        }

        return finish is { } reason
            ? new WholeText(text.ToString(), usage, model, reason.Value)
            : throw UpstreamFailure.CutStream();
    }

    private static BackendAnswer Read(WholeText answer, Prompt prompt, Example input)
    {
        var isCut = answer.FinishReason == Microsoft.Extensions.AI.ChatFinishReason.Length.Value;
        var (outcome, rationale, label) = answer.FinishReason == Microsoft.Extensions.AI.ChatFinishReason.ContentFilter.Value
            ? (ParseOutcome.Refusal, "", "")
            : AnswerParser.Parse(answer.Text, prompt.Format, string.Join('\n', input.Segments), isCut);
        return new BackendAnswer(outcome, rationale, label, answer.Text, answer.FinishReason) { Model = answer.Model, Usage = answer.Usage };
    }

    private sealed record WholeText(string Text, Usage Usage, string Model, string FinishReason);
}
