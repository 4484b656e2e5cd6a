using DistillGrpc.Cli.Jobs;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>Runs as jobs of the Student's: created once, and followed to their end however often the sweep is begun.</summary>
internal sealed class SweepJobs(TrainingClient client, TimeProvider time)
{
    private static readonly TimeSpan QueueWait = TimeSpan.FromSeconds(5);

    public static string NameOf(PlannedRun run) => TrainingJobs.Prefix + run.Id;

    /// <summary>Follows a run's job to its end, and makes it where there is none.</summary>
    /// <param name="run">The run.</param>
    /// <param name="show">Hears of its events.</param>
    /// <param name="cancellationToken">Ends following; the job goes on.</param>
    /// <returns>What came of it; that a job failed, or was refused, is a result.</returns>
    /// <exception cref="RpcException">The Student cannot be reached.</exception>
    public async Task<RunResult> RunAsync(PlannedRun run, Action<TrainingEvent> show, CancellationToken cancellationToken)
    {
        try
        {
            var job = await CreateAsync(run, cancellationToken);
            if (job.State is TrainingJobState.Failed or TrainingJobState.Paused)
            {
                await client.ResumeAsync(job.Name, cancellationToken);
            }

            var events = new List<TrainingEvent>();
            await foreach (var happened in client.WatchAsync(job.Name, 0, cancellationToken))
            {
                show(happened);
                if (happened.EventCase is TrainingEvent.EventOneofCase.Started or TrainingEvent.EventOneofCase.Evaluation or TrainingEvent.EventOneofCase.Warning)
                {
                    events.Add(happened);
                }
            }

            return Result(run, await client.GetAsync(job.Name, cancellationToken), events);
        }
        catch (RpcException refused) when (refused.StatusCode is StatusCode.InvalidArgument or StatusCode.NotFound or StatusCode.AlreadyExists or StatusCode.FailedPrecondition)
        {
            return new RunResult { Cell = run.Cell, Job = NameOf(run), State = "Refused", Reason = RpcErrors.Reason(refused) ?? $"{refused.StatusCode}", Message = refused.Status.Detail, Spec = run.Spec, Rows = run.Rows };
        }
    }

    private async Task<TrainingJob> CreateAsync(PlannedRun run, CancellationToken cancellationToken)
    {
        while (true)
        {
            try
            {
                return await client.CreateAsync(new CreateTrainingJobRequest { TrainingJobId = run.Id, RequestId = run.Id, Spec = run.Spec }, cancellationToken);
            }
            catch (RpcException full) when (full.StatusCode == StatusCode.ResourceExhausted && RpcErrors.Reason(full) == "TOO_MANY_JOBS")
            {
                await Task.Delay(RpcErrors.RetryDelay(full) is { } delay && delay > TimeSpan.Zero ? delay : QueueWait, time, cancellationToken);
            }
        }
    }

    private static RunResult Result(PlannedRun run, TrainingJob job, IReadOnlyList<TrainingEvent> events)
    {
        // The first time: what goes on from a checkpoint begins once more.
        var started = events.Select(happened => happened.Started).FirstOrDefault(begun => begun is not null) ?? new TrainingStarted();
        // What went on from a checkpoint is evaluated once more at the same step: the last time counts.
        var evaluations = events.Select(happened => happened.Evaluation).Where(evaluation => evaluation is not null).GroupBy(evaluation => evaluation.Step).OrderBy(step => step.Key).Select(step => step.Last());
        return new RunResult
        {
            Cell = run.Cell,
            Job = job.Name,
            State = $"{job.State}",
            Reason = job.Reason,
            Message = job.Message,
            Spec = run.Spec,
            Rows = run.Rows,
            LabelRows = started.LabelRows,
            RationaleRows = started.RationaleRows,
            Parameters = started.Parameters,
            StepFlops = started.Flops,
            Flops = job.Result?.Flops ?? 0,
            Steps = job.Result?.Steps ?? job.Progress?.Step ?? 0,
            Seconds = job.Result?.TrainTime?.ToTimeSpan().TotalSeconds ?? 0,
            EndTime = job.EndTime?.ToDateTimeOffset(),
            Evaluations = [.. evaluations],
            Report = job.Result?.Report,
            Warnings = [.. events.Select(happened => happened.Warning?.Message).OfType<string>().Distinct()],
        };
    }
}
