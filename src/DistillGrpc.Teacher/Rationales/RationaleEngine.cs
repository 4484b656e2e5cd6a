using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace DistillGrpc.Teacher.Rationales;

/// <summary>Answers the inputs of one call, several at a time; every input has exactly one result.</summary>
internal sealed class RationaleEngine(TeacherOptions options, TimeProvider time, ILogger<RationaleEngine> logger)
{
    private const int MaxIdLength = 200;
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);
    private static readonly ActivitySource Activities = new("DistillGrpc.Teacher");
    private static readonly Meter Meter = new("DistillGrpc.Teacher");
    private static readonly Counter<long> Results = Meter.CreateCounter<long>("distill.teacher.results", "{result}", "Results, by teacher and outcome.");
    private static readonly Histogram<double> Latency = Meter.CreateHistogram<double>("distill.teacher.answer.duration", "s", "Time that a backend takes for one input.");

    /// <summary>Deltas and results as they come.</summary>
    public async IAsyncEnumerable<GenerateRationalesResponse> AnswerAsync(
        string teacher, ITeacherBackend backend, RationaleQuery query, bool streamText, IAsyncEnumerable<Example> inputs, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var output = Channel.CreateBounded<GenerateRationalesResponse>(options.MaxInputsInFlight * 4);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var work = WorkAsync(teacher, backend, query, streamText, inputs, output.Writer, stop.Token);
        try
        {
            await foreach (var response in output.Reader.ReadAllAsync(cancellationToken))
            {
                yield return response;
            }
        }
        finally
        {
            await stop.CancelAsync();
            await work.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task WorkAsync(
        string teacher, ITeacherBackend backend, RationaleQuery query, bool streamText, IAsyncEnumerable<Example> inputs, ChannelWriter<GenerateRationalesResponse> output, CancellationToken cancellationToken)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var hasAnswered = false;
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = options.MaxInputsInFlight, CancellationToken = cancellationToken };
            await Parallel.ForEachAsync(Checked(inputs, seen), parallel, async (input, token) =>
            {
                RationaleResult result;
                try
                {
                    result = input.Error ?? await AnswerAsync(teacher, backend, query, streamText, input.Example, output, token);
                    hasAnswered |= result.Error is null;
                }
                catch (TeacherFailedException failed) when (failed.Code == StatusCode.Unavailable && Volatile.Read(ref hasAnswered))
                {
                    // It was there a moment ago: what it did not answer is told row by row, and the stream goes on.
                    result = Failed(input.Example, failed.Code, failed.Reason, failed.Message);
                }

                Results.Add(1, new TagList { { "teacher", teacher }, { "outcome", $"{result.ParseOutcome}" } });
                await output.WriteAsync(new GenerateRationalesResponse { Result = result }, token);
            });
            output.Complete();
        }
        catch (TeacherFailedException failed)
        {
            TeacherLog.TeacherFailed(logger, failed, teacher);
            output.Complete(failed.Code == StatusCode.Unavailable
                ? RpcFailure.Unavailable(failed.Reason, failed.Message, RetryAfter)
                : RpcFailure.Of(failed.Code, failed.Reason, failed.Message));
        }
        catch (Exception failure)
        {
            output.Complete(failure);
        }
    }

    private static async IAsyncEnumerable<(Example Example, RationaleResult? Error)> Checked(IAsyncEnumerable<Example> inputs, HashSet<string> seen)
    {
        await foreach (var input in inputs)
        {
            var error = input.Id.Length is 0 or > MaxIdLength ? ("input.id", $"must have 1 to {MaxIdLength} characters")
                : input.Segments.Count == 0 || input.Segments.Any(string.IsNullOrWhiteSpace) ? ("input.segments", "must hold at least one text, and none may be empty")
                : !seen.Add(input.Id) ? ("input.id", "came before in this call")
                : default((string Field, string Message)?);
            yield return (input, error is { } e ? Failed(input, StatusCode.InvalidArgument, "INVALID_FIELD", $"{e.Field}: {e.Message}", e.Field) : null);
        }
    }

    private async Task<RationaleResult> AnswerAsync(
        string teacher, ITeacherBackend backend, RationaleQuery query, bool streamText, Example input, ChannelWriter<GenerateRationalesResponse> output, CancellationToken cancellationToken)
    {
        using var activity = Activities.StartActivity("teach", ActivityKind.Client);
        activity?.SetTag("distill.teacher", teacher).SetTag("distill.backend", backend.Kind);
        var started = time.GetTimestamp();
        try
        {
            TextListener? onText = streamText
                ? (text, isRestart) => output.WriteAsync(new GenerateRationalesResponse { Delta = new TextDelta { InputId = input.Id, Text = text, Restart = isRestart } }, cancellationToken)
                : null;
            var answer = await backend.AnswerAsync(input, query, onText, cancellationToken);
            Latency.Record(time.GetElapsedTime(started).TotalSeconds, new KeyValuePair<string, object?>("teacher", teacher));
            return Result(teacher, backend, query, input, answer);
        }
        catch (TeacherRowException refused)
        {
            activity?.SetStatus(ActivityStatusCode.Error, refused.Reason);
            return Failed(input, refused.Code, refused.Reason, refused.Message, refused.Field);
        }
        catch (Exception failure) when (failure is not (OperationCanceledException or TeacherFailedException))
        {
            activity?.SetStatus(ActivityStatusCode.Error, "INTERNAL");
            TeacherLog.BackendFailed(logger, failure, teacher);
            return Failed(input, StatusCode.Internal, "INTERNAL", "The teacher failed; its log says why.");
        }
    }

    private RationaleResult Result(string teacher, ITeacherBackend backend, RationaleQuery query, Example input, BackendAnswer answer) => new()
    {
        InputId = input.Id,
        ParseOutcome = answer.Outcome,
        Rationale = answer.Rationale,
        Label = answer.Label,
        RawText = answer.RawText,
        Usage = answer.Usage,
        Provenance = new Provenance
        {
            Teacher = teacher,
            Model = answer.Model.Length > 0 ? answer.Model : backend.Model,
            Prompt = query.Prompt?.Name ?? "",
            PromptHash = query.Prompt?.Hash ?? "",
            FinishReason = answer.FinishReason,
            Kept = answer.IsKept,
            CreateTime = (answer.Created ?? time.GetUtcNow()).ToTimestamp(),
        },
    };

    private static RationaleResult Failed(Example input, StatusCode code, string reason, string message, string field = "") => new()
    {
        InputId = input.Id.Length <= MaxIdLength ? input.Id : input.Id[..MaxIdLength],
        ParseOutcome = ParseOutcome.Failed,
        Error = new RowError { Code = (int)code, Reason = reason, Message = message, Field = field },
    };
}
