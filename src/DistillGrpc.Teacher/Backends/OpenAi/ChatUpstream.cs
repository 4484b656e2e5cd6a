using System.ClientModel;
using System.ClientModel.Primitives;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Answers;
using Microsoft.Extensions.AI;
using OpenAI;
using OpenAI.Chat;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>OpenAI's chat completions, streamed.</summary>
internal sealed class ChatUpstream : IUpstream
{
    /// <summary>Why an answer ends that the model declined to give: its text is the refusal.</summary>
    public const string Refused = "refusal";

    private readonly OpenAiOptions _options;
    private readonly TimeProvider _time;
    private readonly IChatClient _chat;

    /// <param name="options">The endpoint.</param>
    /// <param name="http">Reaches it; says how long, how often and how much, so that the SDK does not.</param>
    /// <param name="time">The clock.</param>
    public ChatUpstream(OpenAiOptions options, HttpClient http, TimeProvider time)
    {
        (_options, _time) = (options, time);
        var client = new OpenAIClientOptions
        {
            Endpoint = new Uri(options.Endpoint),
            RetryPolicy = new ClientRetryPolicy(maxRetries: 0),
            NetworkTimeout = Timeout.InfiniteTimeSpan,
            Transport = new HttpClientPipelineTransport(http),
        };
        _chat = new ChatClient(options.Model, new ApiKeyCredential(options.ApiKey.Length > 0 ? options.ApiKey : "none"), client).AsIChatClient();
    }

    public async ValueTask<WrittenAnswer> AskAsync(UpstreamQuestion question, Func<string, ValueTask> onText, CancellationToken cancellationToken)
    {
        var (text, refusal, tokens) = (new StringBuilder(), new StringBuilder(), new TokenCollector(question.TopLogProbabilities));
        var (usage, model, finish) = (new Usage(), "", default(Microsoft.Extensions.AI.ChatFinishReason?));
        try
        {
            await foreach (var update in _chat.GetStreamingResponseAsync(question.Turns, OptionsOf(question), cancellationToken))
            {
                (model, finish) = (update.ModelId ?? model, update.FinishReason ?? finish);
                if (update.Contents.OfType<UsageContent>().FirstOrDefault()?.Details is { } counted)
                {
                    usage = new Usage { InputTokens = counted.InputTokenCount ?? 0, OutputTokens = counted.OutputTokenCount ?? 0 };
                }

                if (update.RawRepresentation is StreamingChatCompletionUpdate raw)
                {
                    refusal.Append(raw.RefusalUpdate);
                    Add(tokens, question.TopLogProbabilities > 0 ? raw.ContentTokenLogProbabilities : []);
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

        var isRefused = text.Length == 0 && refusal.Length > 0;
        return finish is { } reason
            ? new WrittenAnswer($"{(isRefused ? refusal : text)}", isRefused ? Refused : reason.Value, model, usage, _time.GetUtcNow()) { Tokens = tokens.Positions }
            : throw UpstreamFailure.CutStream();
    }

    public void Dispose() => _chat.Dispose();

    private static void Add(TokenCollector tokens, IReadOnlyList<ChatTokenLogProbabilityDetails> positions)
    {
        foreach (var position in positions)
        {
            tokens.Add(position.Token, position.Utf8Bytes is { } bytes ? bytes.Span : [], position.LogProbability, position.TopLogProbabilities.Select(other => (other.Token, (double)other.LogProbability)));
        }
    }

    private ChatOptions OptionsOf(UpstreamQuestion question)
    {
        var options = new ChatOptions { Temperature = question.Temperature, ResponseFormat = question.Format };
        if (_options.TokenLimitField != TokenLimitField.MaxTokens)
        {
            options.MaxOutputTokens = question.MaxTokens;
        }

        if (question.Format is not null)
        {
            options.AdditionalProperties = new() { ["strict"] = true };
        }

        if (question.TopLogProbabilities > 0 || _options.TokenLimitField == TokenLimitField.MaxTokens)
        {
            options.RawRepresentationFactory = _ => RawOptionsOf(question);
        }

        return options;
    }

    private ChatCompletionOptions RawOptionsOf(UpstreamQuestion question)
    {
        var options = new ChatCompletionOptions();
        if (question.TopLogProbabilities > 0)
        {
            (options.IncludeLogProbabilities, options.TopLogProbabilityCount) = (true, question.TopLogProbabilities);
        }

        if (_options.TokenLimitField == TokenLimitField.MaxTokens)
        {
#pragma warning disable SCME0001 // The SDK writes the older name only by its experimental patch.
            options.Patch.Set("$.max_tokens"u8, question.MaxTokens);
#pragma warning restore SCME0001
        }

        return options;
    }
}
