using Grpc.Core;

namespace DistillGrpc.Hosting;

/// <summary>A call that also ends when the service is asked to stop: the same context with a token of both.</summary>
internal sealed class StoppableCallContext : ServerCallContext
{
    // Where Grpc.AspNetCore looks for the HTTP context when the call's context is not its own.
    private const string HttpContextKey = "__HttpContext";
    private readonly ServerCallContext _inner;
    private readonly CancellationToken _token;

    private StoppableCallContext(ServerCallContext inner, CancellationToken token) => (_inner, _token) = (inner, token);

    public static StoppableCallContext Of(ServerCallContext context, CancellationToken token)
    {
        context.UserState[HttpContextKey] = context.GetHttpContext();
        return new StoppableCallContext(context, token);
    }

    protected override string MethodCore => _inner.Method;

    protected override string HostCore => _inner.Host;

    protected override string PeerCore => _inner.Peer;

    protected override DateTime DeadlineCore => _inner.Deadline;

    protected override Metadata RequestHeadersCore => _inner.RequestHeaders;

    protected override CancellationToken CancellationTokenCore => _token;

    protected override Metadata ResponseTrailersCore => _inner.ResponseTrailers;

    protected override Status StatusCore
    {
        get => _inner.Status;
        set => _inner.Status = value;
    }

    protected override WriteOptions? WriteOptionsCore
    {
        get => _inner.WriteOptions;
        set => _inner.WriteOptions = value;
    }

    protected override AuthContext AuthContextCore => _inner.AuthContext;

    protected override IDictionary<object, object> UserStateCore => _inner.UserState;

    protected override ContextPropagationToken CreatePropagationTokenCore(ContextPropagationOptions? options) => _inner.CreatePropagationToken(options);

    protected override Task WriteResponseHeadersAsyncCore(Metadata responseHeaders) => _inner.WriteResponseHeadersAsync(responseHeaders);
}
