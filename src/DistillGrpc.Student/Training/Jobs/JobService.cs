using System.Diagnostics;
using System.Globalization;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using DistillGrpc.Student.Models;
using Grpc.Core;

namespace DistillGrpc.Student.Training.Jobs;

/// <summary>The Student's training calls.</summary>
internal sealed class JobService(JobStore store, JobRunner runner, JobWatch watch, SentRows sent, ModelCatalog catalog, DatasetStore datasets, JobValidation validation, StateDirectory state, StudentOptions options) : TrainingService.TrainingServiceBase
{
    private const int MaxRequestId = 200;
    private const int MaxPriority = 1000;
    private static readonly TimeSpan QueueRetry = TimeSpan.FromSeconds(30);

    public override async Task Train(IAsyncStreamReader<TrainRequest> requestStream, IServerStreamWriter<TrainResponse> responseStream, ServerCallContext context)
    {
        var token = context.CancellationToken;
        var source = await requestStream.MoveNext(token) ? requestStream.Current.Spec : null;
        var spec = Checked(source ?? throw RpcFailure.InvalidArgument("spec", "the first message must hold it"));
        var folder = new JobFolder(state, NewId()).Create();
        StoredJob job;
        try
        {
            await sent.ReceiveAsync(requestStream, folder, HasSource(spec.Source), token);
            job = Create(Path.GetFileName(folder.Path), "", spec.Source, priority: 0, isAttached: true);
        }
        catch
        {
            folder.Delete();
            throw;
        }

        try
        {
            await foreach (var happened in watch.WatchAsync(job.Id, 0, token))
            {
                await responseStream.WriteAsync(new TrainResponse { Job = job.Name, Event = happened }, token);
            }
        }
        finally
        {
            job = store.Find(job.Id) ?? job;
            job = job.HasEnded ? job : await runner.StopAsync(job.Id, JobStop.Cancel, CancellationToken.None) ?? job;
            // Nobody can have it go on.
            folder.Shrink();
        }

        if (job.State != TrainingJobState.Succeeded)
        {
            throw job.Failure.ToException();
        }
    }

    public override async Task<CreateTrainingJobResponse> CreateTrainingJob(CreateTrainingJobRequest request, ServerCallContext context)
    {
        ResourceId.RequireOptional(request.TrainingJobId, "training_job_id");
        RpcFailure.Require(request.RequestId.Length <= MaxRequestId, "request_id", $"has more than {MaxRequestId} characters");
        RpcFailure.Require(request.Priority is >= -MaxPriority and <= MaxPriority, "priority", $"must be -{MaxPriority} to {MaxPriority}");
        var spec = Checked(request.Spec ?? throw RpcFailure.InvalidArgument("spec", "must be there"));
        RpcFailure.Require(HasSource(spec.Source), "spec.dataset", "or spec.teacher.extraction or spec.teacher.invented must be given: there is no row to learn from");
        if (request.ValidateOnly)
        {
            return new CreateTrainingJobResponse { Validation = await validation.RunAsync(spec, context.CancellationToken) };
        }

        var job = Create(request.TrainingJobId.Length > 0 ? request.TrainingJobId : NewId(), request.RequestId, spec.Source, request.Priority, isAttached: false);
        return new CreateTrainingJobResponse { Job = Message(job) };
    }

    public override Task<GetTrainingJobResponse> GetTrainingJob(GetTrainingJobRequest request, ServerCallContext context) =>
        Task.FromResult(new GetTrainingJobResponse { Job = Message(Existing(IdOf(request.Name))) });

    public override Task<ListTrainingJobsResponse> ListTrainingJobs(ListTrainingJobsRequest request, ServerCallContext context)
    {
        RpcFailure.Require(request.States.All(Enum.IsDefined), "states", "holds one that is none of the states");
        var before = long.MaxValue;
        RpcFailure.Require(request.PageToken.Length == 0 || (long.TryParse(request.PageToken, NumberStyles.None, CultureInfo.InvariantCulture, out before) && before > 0), "page_token", "is not one that this call gave");
        var size = PageSize.Of(request.PageSize);
        var page = store.List(before, size + 1, request.States);
        var response = new ListTrainingJobsResponse { NextPageToken = page.Count > size ? page[size - 1].Number.ToString(CultureInfo.InvariantCulture) : "" };
        response.Jobs.AddRange(page.Take(size).Select(Message).Select(Short));
        return Task.FromResult(response);
    }

    public override async Task WatchTrainingJob(WatchTrainingJobRequest request, IServerStreamWriter<WatchTrainingJobResponse> responseStream, ServerCallContext context)
    {
        RpcFailure.Require(request.AfterSequence >= 0, "after_sequence", "must not be negative");
        var job = Existing(IdOf(request.Name));
        await foreach (var happened in watch.WatchAsync(job.Id, request.AfterSequence, context.CancellationToken))
        {
            await responseStream.WriteAsync(new WatchTrainingJobResponse { Event = happened }, context.CancellationToken);
        }
    }

    public override async Task<PauseTrainingJobResponse> PauseTrainingJob(PauseTrainingJobRequest request, ServerCallContext context)
    {
        var job = Existing(IdOf(request.Name));
        if (job.IsAttached)
        {
            throw RpcFailure.FailedPrecondition("JOB_ATTACHED", $"{job.Name} belongs to a call to Train, which waits for it.");
        }

        return new PauseTrainingJobResponse { Job = Message(InState(await runner.StopAsync(job.Id, JobStop.Pause, context.CancellationToken), job, TrainingJobState.Paused)) };
    }

    public override Task<ResumeTrainingJobResponse> ResumeTrainingJob(ResumeTrainingJobRequest request, ServerCallContext context)
    {
        var job = Existing(IdOf(request.Name));
        if (job.IsAttached)
        {
            throw RpcFailure.FailedPrecondition("JOB_ATTACHED", $"{job.Name} belonged to a call to Train; make a job of its own.");
        }

        var resumed = store.SetState(job.Id, [TrainingJobState.Paused, TrainingJobState.Failed], TrainingJobState.Queued, JobFailure.None);
        return Task.FromResult(new ResumeTrainingJobResponse { Job = Message(InState(resumed, job, TrainingJobState.Queued, TrainingJobState.Running)) });
    }

    public override async Task<CancelTrainingJobResponse> CancelTrainingJob(CancelTrainingJobRequest request, ServerCallContext context)
    {
        var job = Existing(IdOf(request.Name));
        return new CancelTrainingJobResponse { Job = Message(InState(await runner.StopAsync(job.Id, JobStop.Cancel, context.CancellationToken), job, TrainingJobState.Cancelled)) };
    }

    public override Task<DeleteTrainingJobResponse> DeleteTrainingJob(DeleteTrainingJobRequest request, ServerCallContext context)
    {
        var job = Existing(IdOf(request.Name));
        if (job.State is TrainingJobState.Queued or TrainingJobState.Running)
        {
            throw RpcFailure.FailedPrecondition("JOB_STATE", $"{job.Name} is {job.State}: pause or cancel it first.");
        }

        store.Delete(job.Id);
        new JobFolder(state, job.Id).Delete();
        return Task.FromResult(new DeleteTrainingJobResponse());
    }

    private RunSpec Checked(TrainingSpec source)
    {
        var spec = RunSpec.Check(source);
        if (source.StudentCase == TrainingSpec.StudentOneofCase.BaseModel)
        {
            catalog.Find(source.BaseModel, "spec.base_model").RequireLoaded();
        }

        if (spec.Local is { } local)
        {
            catalog.Find(local.Model, "spec.local_teacher.model").RequireLoaded();
        }

        catalog.RequireOwned(spec.ModelId);
        _ = source.Dataset.Length > 0 ? datasets.Find(source.Dataset, "spec.dataset") : null;
        _ = source.EvaluationDataset.Length > 0 ? datasets.Find(source.EvaluationDataset, "spec.evaluation_dataset") : null;
        return spec;
    }

    private StoredJob Create(string id, string requestId, TrainingSpec spec, int priority, bool isAttached)
    {
        if (store.CountQueued() >= options.MaxQueuedJobs)
        {
            throw RpcFailure.ResourceExhausted("TOO_MANY_JOBS", $"{options.MaxQueuedJobs} jobs wait for their turn.", QueueRetry);
        }

        var asked = new StoredJob(id, 0, spec, default, JobFailure.None, priority, isAttached, Activity.Current?.Id ?? "", 0, 0, default, null, null);
        var (job, conflict) = store.Create(asked, requestId);
        return conflict switch
        {
            JobConflict.Id => throw RpcFailure.AlreadyExists("JOB_EXISTS", $"There is a job '{job.Name}' already."),
            JobConflict.Request => throw RpcFailure.AlreadyExists("REQUEST_ID_REUSED", "This request_id came before, with another spec."),
            JobConflict.Model => throw RpcFailure.AlreadyExists("RUN_EXISTS", $"{job.Name} makes models/{spec.ModelId}, and has not ended."),
            _ => job,
        };
    }

    private TrainingJob Message(StoredJob job)
    {
        var message = job.ToMessage();
        message.Dataset = new JobFolder(state, job.Id).Dataset;
        message.Progress = LastProgress(job);
        message.Evaluation = store.Last(job.Id, TrainingEvent.EventOneofCase.Evaluation)?.Evaluation;
        message.Result = store.Last(job.Id, TrainingEvent.EventOneofCase.Result)?.Result;
        return message;
    }

    private TrainingProgress? LastProgress(StoredJob job)
    {
        var student = store.Last(job.Id, TrainingEvent.EventOneofCase.Progress);
        var phase = job.HasEnded ? null : store.LastOfPhases(job.Id, TrainingEvent.EventOneofCase.Progress);
        return (phase?.Sequence > (student?.Sequence ?? 0) ? phase : student)?.Progress;
    }

    // A page of a thousand jobs would be larger than a message may be.
    private static TrainingJob Short(TrainingJob job)
    {
        job.Result?.Report = null;
        job.Evaluation?.Classes.Clear();
        job.Evaluation?.Confusion.Clear();
        return job;
    }

    private StoredJob Existing(string id) => store.Find(id) ?? throw NotFound(id);

    private static StoredJob InState(StoredJob? now, StoredJob before, params TrainingJobState[] states) =>
        now is null ? throw NotFound(before.Id)
        : states.Contains(now.State) ? now
        : throw RpcFailure.FailedPrecondition("JOB_STATE", $"{now.Name} is {now.State}.");

    private static bool HasSource(TrainingSpec spec) => spec.Dataset.Length > 0 || spec.Teacher is { Extraction.Length: > 0 } or { Invented: not null };

    private static string NewId() => $"j-{Guid.NewGuid():n}"[..14];

    private static string IdOf(string name)
    {
        var isName = name.StartsWith(StoredJob.Collection, StringComparison.Ordinal) && ResourceId.IsId(name[StoredJob.Collection.Length..]);
        RpcFailure.Require(isName, "name", "must look like trainingJobs/{id}");
        return name[StoredJob.Collection.Length..];
    }

    private static RpcException NotFound(string id) => RpcFailure.NotFound("JOB_NOT_FOUND", $"There is no job '{StoredJob.Collection}{id}'.");
}
