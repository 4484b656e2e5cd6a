using System.Net.Http.Headers;
using System.Net.ServerSentEvents;
using System.Text;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Prompts;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// OpenAI's older completions, streamed: the conversation is one text that the model goes on with. How long a line or the
/// stream may be is the <see cref="HttpClient"/>'s limit.
/// </summary>
/// <param name="options">The endpoint.</param>
/// <param name="http">Reaches it.</param>
/// <param name="time">The clock.</param>
internal sealed class CompletionsUpstream(OpenAiOptions options, HttpClient http, TimeProvider time) : IUpstream
{
    private readonly Uri _address = new(options.Endpoint.TrimEnd('/') + "/completions");
    private readonly AuthenticationHeaderValue _authorization = new("Bearer", options.ApiKey);

    public async ValueTask<WrittenAnswer> AskAsync(UpstreamQuestion question, Func<string, ValueTask> onText, CancellationToken cancellationToken)
    {
        try
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, _address) { Content = new ByteArrayContent(Body(question)) };
            request.Headers.Authorization = _authorization;
            request.Content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var response = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellationToken);
            if (!response.IsSuccessStatusCode)
            {
                throw await UpstreamFailure.OfAsync(response, cancellationToken);
            }

            await using var stream = await response.Content.ReadAsStreamAsync(cancellationToken);
            return await ReadAsync(stream, question.TopLogProbabilities, onText, cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested && UpstreamFailure.Of(failure) is { } upstream)
        {
            throw upstream;
        }
    }

    public void Dispose()
    {
    }

    private async ValueTask<WrittenAnswer> ReadAsync(Stream stream, int topLogProbabilities, Func<string, ValueTask> onText, CancellationToken cancellationToken)
    {
        var (text, tokens, usage, model, finish) = (new StringBuilder(), new TokenCollector(topLogProbabilities), new Usage(), "", "");
        await foreach (var item in SseParser.Create(stream, static (_, data) => CompletionEvent.Parse(data)).EnumerateAsync(cancellationToken))
        {
            var next = item.Data;
            if (next.IsEnd)
            {
                break;
            }

            (model, usage) = (next.Model ?? model, next.Usage ?? usage);
            finish = next.FinishReason ?? finish;
            if (topLogProbabilities > 0)
            {
                LogProbabilities.AddTo(tokens, next.LogProbabilities);
            }

            if (next.Text.Length > 0)
            {
                text.Append(next.Text);
                await onText(next.Text);
            }
        }

        return finish.Length > 0
            ? new WrittenAnswer(text.ToString(), finish, model, usage, time.GetUtcNow()) { Tokens = tokens.Positions }
            : throw UpstreamFailure.CutStream();
    }

    private byte[] Body(UpstreamQuestion question)
    {
        using var body = new MemoryStream();
        using (var json = new Utf8JsonWriter(body))
        {
            json.WriteStartObject();
            json.WriteString("model", options.Model);
            json.WriteString("prompt", CompletionText.Of(question.Turns));
            json.WriteNumber("max_tokens", question.MaxTokens);
            json.WriteNumber("temperature", question.Temperature);
            json.WriteBoolean("stream", true);
            json.WriteStartObject("stream_options");
            json.WriteBoolean("include_usage", true);
            json.WriteEndObject();
            json.WriteStartArray("stop");
            json.WriteStringValue(CompletionText.NextQuestion);
            json.WriteEndArray();
            if (question.TopLogProbabilities > 0)
            {
                json.WriteNumber("logprobs", question.TopLogProbabilities);
            }

            json.WriteEndObject();
        }

        return body.ToArray();
    }
}
