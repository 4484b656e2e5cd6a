using System.Threading.RateLimiting;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>What an endpoint is asked at most: calls at once, calls a minute, tokens a minute. Shared by all callers of a teacher.</summary>
internal sealed class UpstreamLimits : IDisposable
{
    private const int SecondsPerMinute = 60;
    private readonly AdaptiveGate _gate;
    private readonly TokenBucketRateLimiter? _requests;
    private readonly TokenBucketRateLimiter? _tokens;
    private readonly int _tokenBurst;

    public UpstreamLimits(OpenAiOptions options, TimeProvider time)
    {
        _gate = new AdaptiveGate(options.MaxConcurrency, time);
        _requests = options.RequestsPerMinute > 0 ? Bucket(options.RequestsPerMinute, Math.Max(1, options.RequestsPerMinute / SecondsPerMinute)) : null;
        // Ten seconds' worth at once: a single call may take thousands.
        _tokenBurst = Math.Max(1, options.TokensPerMinute / 6);
        _tokens = options.TokensPerMinute > 0 ? Bucket(options.TokensPerMinute, _tokenBurst) : null;
    }

    /// <summary>Waits until a call may be made.</summary>
    /// <param name="tokens">What it may use; more than the endpoint allows at once counts as that.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask<Permit> EnterAsync(int tokens, CancellationToken cancellationToken)
    {
        var entered = await _gate.EnterAsync(cancellationToken);
        try
        {
            await AcquireAsync(_requests, 1, cancellationToken);
            await AcquireAsync(_tokens, Math.Clamp(tokens, 1, _tokenBurst), cancellationToken);
            return new Permit(_gate, entered);
        }
        catch
        {
            _gate.Leave(wentThrough: false);
            throw;
        }
    }

    public void Dispose()
    {
        _requests?.Dispose();
        _tokens?.Dispose();
    }

    private static async ValueTask AcquireAsync(TokenBucketRateLimiter? limiter, int count, CancellationToken cancellationToken)
    {
        if (limiter is not null)
        {
            using var lease = await limiter.AcquireAsync(count, cancellationToken);
        }
    }

    // Filled evenly: so much a minute, in steps of at least 10 ms.
    private static TokenBucketRateLimiter Bucket(int perMinute, int burst)
    {
        var perStep = Math.Max(1, perMinute / (SecondsPerMinute * 100));
        return new TokenBucketRateLimiter(new TokenBucketRateLimiterOptions
        {
            TokenLimit = Math.Max(burst, perStep),
            TokensPerPeriod = perStep,
            ReplenishmentPeriod = TimeSpan.FromMinutes((double)perStep / perMinute),
            QueueLimit = int.MaxValue,
            QueueProcessingOrder = QueueProcessingOrder.OldestFirst,
        });
    }

    /// <summary>A place for one call; given back by what came of it.</summary>
    internal readonly struct Permit(AdaptiveGate gate, DateTimeOffset entered)
    {
        public void Leave(Exception? failure)
        {
            if (failure is UpstreamFailure { IsThrottled: true } throttled)
            {
                gate.LeaveThrottled(entered, throttled.RetryAfter ?? TimeSpan.Zero);
            }
            else
            {
                gate.Leave(wentThrough: failure is null);
            }
        }
    }
}
