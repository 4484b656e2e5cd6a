using Grpc.Core;
using Polly;
using Polly.CircuitBreaker;
using Polly.Retry;
using Polly.Timeout;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// One input's calls: a timeout for each and for all, and what may pass is tried again, after the time that the endpoint asks
/// for or after a growing one with jitter. A wait that would outlast the deadline is not begun. Being throttled, or held back
/// by the circuit breaker, does not count as a try. The breaker is shared: while an endpoint fails, it is left alone.
/// </summary>
internal sealed class UpstreamRetry
{
    private static readonly ResiliencePropertyKey<InputClock> Clock = new("clock");
    private readonly ResiliencePipeline _input;
    private readonly ResiliencePipeline _call;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;
    private readonly int _retries;
    private readonly UpstreamHealth? _health;

    public UpstreamRetry(OpenAiOptions options, TimeProvider time, Func<double> random, UpstreamHealth? health = null)
    {
        (_timeout, _time, _retries, _health) = (options.Timeout, time, options.Retries, health);
        _input = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                BackoffType = DelayBackoffType.Exponential,
                Delay = options.RetryDelay,
                MaxDelay = TimeSpan.FromSeconds(30),
                UseJitter = true,
                Randomizer = random,
                ShouldHandle = arguments => ValueTask.FromResult(IsWorthAnother(arguments.Outcome.Exception, arguments.Context)),
                // "At once" is no time to wait: then the growing one is taken.
                DelayGenerator = arguments => ValueTask.FromResult((arguments.Outcome.Exception as UpstreamFailure)?.RetryAfter is { Ticks: > 0 } wait ? (TimeSpan?)wait : null),
            })
            .Build();
        _call = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddCircuitBreaker(new CircuitBreakerStrategyOptions
            {
                FailureRatio = 0.5,
                MinimumThroughput = options.BreakAfter,
                SamplingDuration = TimeSpan.FromSeconds(30),
                BreakDuration = options.BreakDuration,
                ShouldHandle = arguments => ValueTask.FromResult(arguments.Outcome.Exception is TimeoutRejectedException or UpstreamFailure { MayPass: true, IsThrottled: false }),
            })
            .AddTimeout(options.AttemptTimeout)
            .Build();
    }

    /// <summary>Makes calls for an input until there is an answer.</summary>
    /// <param name="attempt">Makes one; it says when the first really begins, since waiting for one's turn is not counted.</param>
    /// <param name="deadline">When nobody waits any more.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="TeacherRowException">This input has none.</exception>
    /// <exception cref="TeacherFailedException">No input has one.</exception>
    public async ValueTask<T> RunAsync<T>(Func<InputClock, CancellationToken, ValueTask<T>> attempt, DateTimeOffset deadline, CancellationToken cancellationToken)
    {
        using var clock = new InputClock(_timeout, deadline, _time, cancellationToken);
        var context = ResilienceContextPool.Shared.Get(clock.Token);
        context.Properties.Set(Clock, clock);
        try
        {
            return await _input.ExecuteAsync(
                static async (context, attempt) =>
                {
                    var clock = context.Properties.GetValue(Clock, null!);
                    clock.HasText = false;
                    return await attempt(clock, context.CancellationToken);
                },
                context,
                attempt);
        }
        catch (UpstreamFailure failure)
        {
            throw failure.Kind is UpstreamKind.Unreachable or UpstreamKind.Everything
                ? new TeacherFailedException(failure.Code, failure.Reason, failure.Message, failure)
                : new TeacherRowException(failure.Code, failure.Reason, failure.Message) { HadText = clock.HasText };
        }
        catch (Exception late) when (late is TimeoutRejectedException or OperationCanceledException && !cancellationToken.IsCancellationRequested)
        {
            var failure = UpstreamFailure.TimedOut();
            throw new TeacherRowException(failure.Code, failure.Reason, failure.Message) { HadText = clock.HasText };
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    /// <summary>Makes one call, inside <see cref="RunAsync"/>.</summary>
    /// <exception cref="UpstreamFailure">It failed, or is not made while the endpoint fails.</exception>
    public async ValueTask<T> CallAsync<T>(Func<CancellationToken, ValueTask<T>> call, CancellationToken cancellationToken)
    {
        try
        {
            var answer = await _call.ExecuteAsync(static async (call, token) => await call(token), call, cancellationToken);
            _health?.Answered();
            return answer;
        }
        catch (UpstreamFailure failure) when (failure is { MayPass: true, Code: not StatusCode.Cancelled })
        {
            _health?.Failed(failure);
            throw;
        }
        catch (TimeoutRejectedException)
        {
            _health?.Failed(UpstreamFailure.TimedOut());
            throw;
        }
        catch (BrokenCircuitException open)
        {
            throw UpstreamFailure.LeftAlone(open.RetryAfter);
        }
    }

    private bool IsWorthAnother(Exception? failure, ResilienceContext context)
    {
        if (failure is not (UpstreamFailure { MayPass: true } or TimeoutRejectedException))
        {
            return false;
        }

        var clock = context.Properties.GetValue(Clock, null!);
        clock.Failures += failure is UpstreamFailure { IsThrottled: true } or UpstreamFailure { IsLeftAlone: true } ? 0 : 1;
        return clock.Failures <= _retries && clock.Allows((failure as UpstreamFailure)?.RetryAfter ?? TimeSpan.Zero);
    }

    /// <summary>The time that an input has, from the first call on.</summary>
    internal sealed class InputClock : IDisposable
    {
        private readonly CancellationTokenSource _late;
        private readonly CancellationTokenSource _ended;
        private readonly TimeSpan _timeout;
        private readonly TimeProvider _time;
        private DateTimeOffset _deadline;
        private bool _isRunning;

        public InputClock(TimeSpan timeout, DateTimeOffset deadline, TimeProvider time, CancellationToken cancellationToken)
        {
            (_timeout, _deadline, _time) = (timeout, deadline, time);
            _late = new CancellationTokenSource(Timeout.InfiniteTimeSpan, time);
            _ended = CancellationTokenSource.CreateLinkedTokenSource(_late.Token, cancellationToken);
        }

        public CancellationToken Token => _ended.Token;

        public int Failures { get; set; }

        /// <summary>Some text has come of the try that is under way, or was the last.</summary>
        public bool HasText { get; set; }

        /// <summary>A call begins; the first starts the clock.</summary>
        public void Begin()
        {
            if (!_isRunning)
            {
                _isRunning = true;
                var latest = _time.GetUtcNow() + _timeout;
                _deadline = _deadline < latest ? _deadline : latest;
                _late.CancelAfter(_timeout);
            }
        }

        public bool Allows(TimeSpan wait) => _time.GetUtcNow() + wait < _deadline;

        public void Dispose()
        {
            _ended.Dispose();
            _late.Dispose();
        }
    }
}
