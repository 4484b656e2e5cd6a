using System.ClientModel;
using System.ClientModel.Primitives;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>Calls to an endpoint that are no chat completions, held to the same (<see cref="GuardedHandler"/>); each is made once.</summary>
internal sealed class BatchTransport : IDisposable
{
    private readonly HttpClient _http;
    private readonly HttpClientPipelineTransport _transport;
    private readonly ClientPipeline _pipeline;
    private readonly string _endpoint;

    public BatchTransport(OpenAiOptions options)
    {
        _endpoint = options.Endpoint.TrimEnd('/');
        _http = new HttpClient(new GuardedHandler(options) { InnerHandler = GuardedHandler.Network() }) { Timeout = Timeout.InfiniteTimeSpan };
        _transport = new HttpClientPipelineTransport(_http);
        var settings = new ClientPipelineOptions { RetryPolicy = new ClientRetryPolicy(maxRetries: 0), NetworkTimeout = Timeout.InfiniteTimeSpan, Transport = _transport };
        var key = ApiKeyAuthenticationPolicy.CreateBearerAuthorizationPolicy(new ApiKeyCredential(options.ApiKey.Length > 0 ? options.ApiKey : "none"));
        _pipeline = ClientPipeline.Create(settings, perCallPolicies: [], perTryPolicies: [key], beforeTransportPolicies: []);
    }

    /// <summary>Makes a call and reads what comes back.</summary>
    /// <param name="method">GET or POST.</param>
    /// <param name="path">Below the endpoint.</param>
    /// <param name="content">What is sent, or nothing.</param>
    /// <param name="read">Reads the response's stream.</param>
    /// <param name="cancellationToken">Ends the call.</param>
    /// <exception cref="UpstreamFailure">It failed.</exception>
    public async ValueTask<T> SendAsync<T>(string method, string path, BinaryContent? content, Func<Stream, CancellationToken, ValueTask<T>> read, CancellationToken cancellationToken)
    {
        try
        {
            using var message = _pipeline.CreateMessage();
            message.Apply(new RequestOptions { CancellationToken = cancellationToken, BufferResponse = false });
            (message.Request.Method, message.Request.Uri, message.Request.Content) = (method, new Uri($"{_endpoint}/{path}"), content);
            if (content is not null)
            {
                message.Request.Headers.Set("Content-Type", content.MediaType ?? "application/json");
            }

            await _pipeline.SendAsync(message);
            var response = message.Response!;
            return response.IsError ? throw await ClientResultException.CreateAsync(response) : await read(response.ContentStream!, cancellationToken);
        }
        catch (Exception failure) when (!cancellationToken.IsCancellationRequested && UpstreamFailure.Of(failure) is { } upstream)
        {
            throw upstream;
        }
    }

    public void Dispose()
    {
        _transport.Dispose();
        _http.Dispose();
    }
}
