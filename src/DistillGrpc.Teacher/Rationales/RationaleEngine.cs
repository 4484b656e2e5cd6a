using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Explaining;
using DistillGrpc.Teacher.Quality;
using Grpc.Core;

namespace DistillGrpc.Teacher.Rationales;

/// <summary>Answers the inputs of one call, several at a time; every input has exactly one result.</summary>
internal sealed class RationaleEngine(TeacherOptions options, Explainer explainer, ILogger<RationaleEngine> logger)
{
    private static readonly Meter Meter = new("DistillGrpc.Teacher");
    private static readonly Counter<long> Results = Meter.CreateCounter<long>("distill.teacher.results", "{result}", "Results, by teacher and outcome.");

    /// <summary>Deltas and results as they come.</summary>
    public async IAsyncEnumerable<GenerateRationalesResponse> AnswerAsync(
        ExplainPlan plan, bool streamText, IAsyncEnumerable<Example> inputs, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var output = Channel.CreateBounded<GenerateRationalesResponse>((plan.InputsInFlight ?? options.MaxInputsInFlight) * 4);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
        var work = WorkAsync(plan, streamText, inputs, output.Writer, stop.Token);
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

    private async Task WorkAsync(ExplainPlan plan, bool streamText, IAsyncEnumerable<Example> inputs, ChannelWriter<GenerateRationalesResponse> output, CancellationToken cancellationToken)
    {
        var hasAnswered = false;
        try
        {
            var parallel = new ParallelOptions { MaxDegreeOfParallelism = plan.InputsInFlight ?? options.MaxInputsInFlight, CancellationToken = cancellationToken };
            await Parallel.ForEachAsync(Checked(inputs, plan.Rules.Duplicates), parallel, async (input, token) =>
            {
                RationaleResult result;
                try
                {
                    result = input.Settled ?? await ExplainAsync(plan, streamText, input.Example, output, token);
                    hasAnswered |= result.Error is null;
                }
                catch (TeacherFailedException failed) when (failed.Code == StatusCode.Unavailable && Volatile.Read(ref hasAnswered))
                {
                    // It was there a moment ago: what it did not answer is told row by row, and the stream goes on.
                    result = Rows.Failed(input.Example, failed.Code, failed.Reason, failed.Message);
                }

                Results.Add(1, new TagList { { "teacher", plan.Name }, { "outcome", $"{result.ParseOutcome}" } });
                await output.WriteAsync(new GenerateRationalesResponse { Result = result }, token);
            });
            output.Complete();
        }
        catch (TeacherFailedException failed)
        {
            TeacherLog.TeacherFailed(logger, failed.LogException, plan.Name, failed.Reason, failed.Message);
            output.Complete(failed.ToRpc());
        }
        catch (Exception failure)
        {
            output.Complete(failure);
        }
    }

    private static async IAsyncEnumerable<(Example Example, RationaleResult? Settled)> Checked(IAsyncEnumerable<Example> inputs, DuplicateRule duplicates)
    {
        var (ids, seen) = (new SeenIds(), new SeenInputs(duplicates));
        await foreach (var input in inputs)
        {
            var error = Rows.ErrorOf(input) ?? (ids.Add(input.Id) ? null : Rows.Refused("input.id", "came before in this call"));
            yield return (input, error is not null ? Rows.Failed(input, error)
                : seen.Add(input) is { } repeated ? Rows.Duplicate(input, repeated)
                : null);
        }
    }

    private async Task<RationaleResult> ExplainAsync(ExplainPlan plan, bool streamText, Example input, ChannelWriter<GenerateRationalesResponse> output, CancellationToken cancellationToken)
    {
        try
        {
            TextListener? onText = streamText
                ? (text, isRestart) => output.WriteAsync(new GenerateRationalesResponse { Delta = new TextDelta { InputId = input.Id, Text = text, Restart = isRestart } }, cancellationToken)
                : null;
            return await explainer.ExplainAsync(input, plan, onText, cancellationToken);
        }
        catch (TeacherRowException refused)
        {
            return Rows.Failed(input, refused.Code, refused.Reason, refused.Message, refused.Field);
        }
        catch (Exception failure) when (failure is not (OperationCanceledException or TeacherFailedException))
        {
            TeacherLog.BackendFailed(logger, failure, plan.Name);
            return Rows.Failed(input, StatusCode.Internal, "INTERNAL", "The teacher failed; its log says why.");
        }
    }
}
