using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Prompts;
using Grpc.Core;
using Grpc.Net.Client;
using Polly;
using Polly.Retry;

namespace DistillGrpc.Teacher.Backends.Student;

/// <summary>
/// A T5 that a Student serves, as a teacher: its two tasks give label and rationale, and nothing is paid for. It takes no prompt
/// (its task prefixes are its own), and decodes greedily: temperature and sample change nothing. The log-probabilities are those
/// of the label's tokens.
/// </summary>
internal sealed class StudentBackend : ITeacherBackend, IDisposable
{
    private static readonly ResiliencePropertyKey<DateTimeOffset> Latest = new("latest");
    private readonly StudentOptions _options;
    private readonly TimeProvider _time;
    private readonly GrpcChannel _channel;
    private readonly InferenceClient _student;
    private readonly SemaphoreSlim _places;
    private readonly ResiliencePipeline _retry;

    public StudentBackend(StudentOptions options, TimeProvider time)
    {
        (_options, _time) = (options, time);
        _channel = DistillChannel.To(options.Address);
        _student = new InferenceClient(_channel);
        _places = new SemaphoreSlim(options.MaxConcurrency);
        _retry = new ResiliencePipelineBuilder { TimeProvider = time }
            .AddRetry(new RetryStrategyOptions
            {
                MaxRetryAttempts = int.MaxValue,
                ShouldHandle = arguments => ValueTask.FromResult(
                    WaitOf(arguments.Outcome.Exception) is { } wait && time.GetUtcNow() + wait < arguments.Context.Properties.GetValue(Latest, DateTimeOffset.MaxValue)),
                DelayGenerator = arguments => ValueTask.FromResult(WaitOf(arguments.Outcome.Exception)),
            })
            .Build();
    }

    public string Kind => "student";

    public string Model => _options.Model;

    public Prompt? DefaultPrompt => null;

    public bool GivesLogProbabilities => true;

    public async ValueTask<BackendAnswer> AnswerAsync(Example input, RationaleQuery query, TextListener? onText, CancellationToken cancellationToken)
    {
        if (query.Use == PromptUse.Rationalize)
        {
            throw new TeacherRowException(StatusCode.FailedPrecondition, "TEACHER_CANNOT_RATIONALIZE", "A student cannot be shown the gold label.");
        }

        await _places.WaitAsync(cancellationToken);
        // What has waited for its turn has waited enough: the time begins now.
        var context = ResilienceContextPool.Shared.Get(cancellationToken);
        try
        {
            var latest = _time.GetUtcNow() + _options.Timeout;
            latest = query.Deadline < latest ? query.Deadline : latest;
            context.Properties.Set(Latest, latest);
            return await _retry.ExecuteAsync(async context => await AskAsync(input, query, latest.UtcDateTime, onText, context.CancellationToken), context);
        }
        catch (RpcException) when (cancellationToken.IsCancellationRequested)
        {
            throw new OperationCanceledException(cancellationToken);
        }
        catch (RpcException failure)
        {
            throw StudentFailure.Of(failure);
        }
        finally
        {
            ResilienceContextPool.Shared.Return(context);
            _places.Release();
        }
    }

    public void Dispose()
    {
        _channel.Dispose();
        _places.Dispose();
    }

    private static TimeSpan? WaitOf(Exception? failure) => failure is RpcException refused ? StudentFailure.WaitOf(refused) : null;

    private async ValueTask<BackendAnswer> AskAsync(Example input, RationaleQuery query, DateTime deadline, TextListener? onText, CancellationToken cancellationToken)
    {
        if (onText is null)
        {
            var request = new PredictRequest { Model = Model, Task = PredictionTask.Both, MaxOutputTokens = query.MaxOutputTokens, TopLogProbabilities = query.TopLogProbabilities, Store = false };
            request.Segments.AddRange(input.Segments);
            var response = await _student.PredictAsync(request, deadline, cancellationToken);
            return ToAnswer(response.Label, response.Rationale);
        }

        var (label, rationale) = (default(TaskAnswer), default(TaskAnswer));
        var asked = new StreamPredictRequest { Model = Model, Task = PredictionTask.Both, MaxOutputTokens = query.MaxOutputTokens, TopLogProbabilities = query.TopLogProbabilities, Store = false };
        asked.Segments.AddRange(input.Segments);
        await foreach (var part in _student.StreamPredictAsync(asked, deadline, cancellationToken))
        {
            // The label comes first, and stands last in the text.
            (label, rationale) = part.Answer is not { } answer ? (label, rationale) : answer.Task == PredictionTask.Rationale ? (label, answer) : (answer, rationale);
            if (part.Delta is { Task: PredictionTask.Rationale } delta)
            {
                await onText(delta.Text, isRestart: false);
            }
        }

        var whole = ToAnswer(label, rationale);
        if (whole.RawText.Length > whole.Rationale.Length)
        {
            await onText(whole.RawText[whole.Rationale.Length..], isRestart: false);
        }

        return whole;
    }

    private BackendAnswer ToAnswer(TaskAnswer? label, TaskAnswer? rationale)
    {
        if (label is null || rationale is null)
        {
            throw new TeacherRowException(StatusCode.Unavailable, "TEACHER_FAILED", "The teacher's Student did not answer both tasks.");
        }

        var isCut = label.FinishReason == FinishReason.Length || rationale.FinishReason == FinishReason.Length;
        var outcome = isCut ? ParseOutcome.Truncated
            : label.Text.Length == 0 ? ParseOutcome.NoLabel
            : rationale.Text.Length == 0 ? ParseOutcome.EmptyRationale
            : ParseOutcome.Parsed;
        var said = label.Text.Length == 0 ? "" : rationale.Text.Length == 0 ? $"The answer is {label.Text}." : $" The answer is {label.Text}.";
        return new BackendAnswer(outcome, rationale.Text, label.Text, rationale.Text + said, isCut ? "length" : "stop")
        {
            Model = Model,
            Usage = new Usage { InputTokens = label.Usage.InputTokens + rationale.Usage.InputTokens, OutputTokens = label.Usage.OutputTokens + rationale.Usage.OutputTokens },
            Tokens = label.Tokens,
        };
    }
}
