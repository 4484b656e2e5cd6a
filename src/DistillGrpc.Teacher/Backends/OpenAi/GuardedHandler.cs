using System.Net;
using Grpc.Core;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// What every call to an endpoint is held to: the key goes nowhere else, no response is longer than the limit, and no
/// redirection is followed.
/// </summary>
internal sealed class GuardedHandler(OpenAiOptions options) : DelegatingHandler
{
    /// <summary>The network, as endpoints are reached.</summary>
    public static SocketsHttpHandler Network() => new()
    {
        AllowAutoRedirect = false,
        ConnectTimeout = TimeSpan.FromSeconds(10),
        // A name that moves to another address is seen within minutes.
        PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        MaxConnectionsPerServer = int.MaxValue,
        MaxResponseHeadersLength = 64,
        MaxResponseDrainSize = 1 << 20,
    };

    protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
    {
        if (options.ApiKey.Length == 0)
        {
            request.Headers.Authorization = null;
        }

        var response = await base.SendAsync(request, cancellationToken);
        if (response.StatusCode is >= HttpStatusCode.MultipleChoices and < HttpStatusCode.BadRequest)
        {
            var status = (int)response.StatusCode;
            response.Dispose();
            throw new UpstreamFailure(UpstreamKind.Everything, StatusCode.FailedPrecondition, "TEACHER_REDIRECTS", $"The teacher's endpoint sends callers elsewhere (HTTP {status}), and they do not go there.");
        }

        response.Content = new LimitedContent(response.Content, options.MaxResponseBytes);
        return response;
    }

    private sealed class LimitedContent : HttpContent
    {
        private readonly HttpContent _inner;
        private readonly long _limit;

        public LimitedContent(HttpContent inner, long limit)
        {
            (_inner, _limit) = (inner, limit);
            foreach (var (name, values) in inner.Headers)
            {
                Headers.TryAddWithoutValidation(name, values);
            }
        }

        protected override async Task<Stream> CreateContentReadStreamAsync() => new LimitedStream(await _inner.ReadAsStreamAsync(), _limit);

        protected override async Task SerializeToStreamAsync(Stream stream, TransportContext? context)
        {
            await using var content = await CreateContentReadStreamAsync();
            await content.CopyToAsync(stream);
        }

        protected override bool TryComputeLength(out long length)
        {
            length = _inner.Headers.ContentLength ?? 0;
            return _inner.Headers.ContentLength is { } known && known <= _limit;
        }

        protected override void Dispose(bool disposing)
        {
            _inner.Dispose();
            base.Dispose(disposing);
        }
    }

    private sealed class LimitedStream(Stream inner, long limit) : Stream
    {
        private long _read;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override int Read(byte[] buffer, int offset, int count) => Count(inner.Read(buffer, offset, count));

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            Count(await inner.ReadAsync(buffer, cancellationToken));

        public override Task<int> ReadAsync(byte[] buffer, int offset, int count, CancellationToken cancellationToken) =>
            ReadAsync(buffer.AsMemory(offset, count), cancellationToken).AsTask();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        protected override void Dispose(bool disposing)
        {
            inner.Dispose();
            base.Dispose(disposing);
        }

        private int Count(int read)
        {
            _read += read;
            return _read <= limit ? read : throw new UpstreamFailure(UpstreamKind.Transient, StatusCode.Unavailable, "TEACHER_ANSWER_TOO_LONG", $"The teacher's answer is longer than {limit} bytes.");
        }
    }
}
