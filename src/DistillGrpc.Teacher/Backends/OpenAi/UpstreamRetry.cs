using Polly;
using Polly.Retry;
using Polly.Timeout;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// One input's calls: a timeout for each and for all, and what may pass is tried again, after the time that the endpoint asks
/// for or after a growing one with jitter. A wait that would outlast the deadline is not begun.
/// </summary>
internal sealed class UpstreamRetry
{
    private static readonly ResiliencePropertyKey<DateTimeOffset> Deadline = new("deadline");
    private readonly ResiliencePipeline _pipeline;
    private readonly TimeSpan _timeout;
    private readonly TimeProvider _time;

    public UpstreamRetry(OpenAiOptions options, TimeProvider time, Func<double> random)
    {
        (_timeout, _time) = (options.Timeout, time);
        var pipeline = new ResiliencePipelineBuilder { TimeProvider = time }.AddTimeout(options.Timeout);
        if (options.Retries > 0)
        {
            pipeline.AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = options.Retries,
                BackoffType = DelayBackoffType.Exponential,
                Delay = options.RetryDelay,
                MaxDelay = TimeSpan.FromSeconds(30),
                UseJitter = true,
                Randomizer = random,
                ShouldHandle = arguments => ValueTask.FromResult(IsWorthAnother(arguments.Outcome.Exception, arguments.Context)),
                DelayGenerator = arguments => ValueTask.FromResult((arguments.Outcome.Exception as UpstreamFailure)?.RetryAfter),
            });
        }

        _pipeline = pipeline.AddTimeout(options.AttemptTimeout).Build();
    }

    /// <summary>Calls until there is an answer.</summary>
    /// <exception cref="TeacherRowException">This input has none.</exception>
    /// <exception cref="TeacherFailedException">No input has one.</exception>
    public async ValueTask<T> RunAsync<T>(Func<CancellationToken, ValueTask<T>> call, DateTimeOffset deadline, CancellationToken cancellationToken)
    {
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        var latest = _time.GetUtcNow() + _timeout;
        context.Properties.Set(Deadline, deadline < latest ? deadline : latest);
        try
        {
            return await _pipeline.ExecuteAsync(static async (context, call) => await call(context.CancellationToken), context, call);
        }
        catch (UpstreamFailure failure)
        {
            throw failure.Kind is UpstreamKind.Unreachable or UpstreamKind.Everything
                ? new TeacherFailedException(failure.Code, failure.Reason, failure.Message, failure)
                : new TeacherRowException(failure.Code, failure.Reason, failure.Message);
        }
        catch (TimeoutRejectedException) when (!cancellationToken.IsCancellationRequested)
        {
            var failure = UpstreamFailure.TimedOut();
            throw new TeacherRowException(failure.Code, failure.Reason, failure.Message);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
        }
    }

    private bool IsWorthAnother(Exception? failure, ResilienceContext context)
    {
        var wait = (failure as UpstreamFailure)?.RetryAfter ?? TimeSpan.Zero;
        return failure is UpstreamFailure { MayPass: true } or TimeoutRejectedException
            && _time.GetUtcNow() + wait < context.Properties.GetValue(Deadline, DateTimeOffset.MaxValue);
    }
}
