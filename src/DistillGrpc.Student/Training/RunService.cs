using System.Threading.Channels;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using Grpc.Core;

namespace DistillGrpc.Student.Training;

/// <summary>The Student's training calls.</summary>
internal sealed class RunService(ModelCatalog catalog, TrainingRuns runs, RowTeacher teacher, ExtractionRows extractions, StateDirectory state, StudentOptions options) : TrainingService.TrainingServiceBase
{
    public override async Task Train(IAsyncStreamReader<TrainRequest> requestStream, IServerStreamWriter<TrainResponse> responseStream, ServerCallContext context)
    {
        var token = context.CancellationToken;
        var source = await requestStream.MoveNext(token) ? requestStream.Current.Spec : null;
        var spec = RunSpec.Check(source ?? throw RpcFailure.InvalidArgument("spec", "the first message must hold it"));
        var baseModel = source.StudentCase == TrainingSpec.StudentOneofCase.BaseModel ? catalog.Find(source.BaseModel, "spec.base_model") : null;
        baseModel?.RequireLoaded();
        if (catalog.Has(spec.ModelId) && !source.Replace)
        {
            throw RpcFailure.AlreadyExists("MODEL_EXISTS", $"There is a models/{spec.ModelId} already; set replace to put another in its place.");
        }

        using var place = runs.Enter(spec.ModelId);
        TrainingMetrics.Began();
        try
        {
            await TrainAsync(spec, baseModel?.Directory, requestStream, responseStream, token);
            TrainingMetrics.Ended("succeeded");
        }
        catch (Exception)
        {
            TrainingMetrics.Ended(token.IsCancellationRequested ? "cancelled" : "failed");
            throw;
        }
    }

    private async Task TrainAsync(
        RunSpec spec, string? baseDirectory, IAsyncStreamReader<TrainRequest> requestStream, IServerStreamWriter<TrainResponse> responseStream, CancellationToken token)
    {
        var source = spec.Source;
        var (rows, heldOut) = await ReadRowsAsync(requestStream, source.Teacher?.Extraction.Length > 0, token);
        var sequence = 0L;
        ValueTask Send(TrainResponse response)
        {
            response.Sequence = ++sequence;
            return new ValueTask(responseStream.WriteAsync(response, token));
        }

        if (source.Teacher is { Extraction.Length: > 0 })
        {
            var known = rows.Concat(heldOut).Select(row => row.Id).ToHashSet(StringComparer.Ordinal);
            await foreach (var row in extractions.ReadAsync(source.Teacher.Extraction, Send, token))
            {
                AddRow(rows, heldOut, known, row);
            }

            RpcFailure.Require(rows.Count > 0, "spec.teacher.extraction", "has no row that is fit to train on");
        }

        var taught = source.Teacher is not null ? await teacher.ExplainAsync(source.Teacher, [.. rows.Where(row => RunRows.NeedsTeacher(spec, row))], spec.StepByStep, Send, token) : 0;
        var finished = Path.Combine(state.Folder("unfinished"), $"{spec.ModelId}.{Guid.NewGuid():n}");
        try
        {
            var result = await RunAsync(spec, rows, heldOut, baseDirectory, finished, Send, token);
            result.TeacherRows = taught;
            await catalog.InstallAsync(spec.ModelId, finished, source.Replace);
            await Send(new TrainResponse { Result = result });
        }
        finally
        {
            if (Directory.Exists(finished))
            {
                Directory.Delete(finished, recursive: true);
            }
        }
    }

    // The run has a thread of its own: tensors' scopes must not cross an await.
    private async Task<TrainingResult> RunAsync(
        RunSpec spec, List<Example> rows, List<Example> heldOut, string? baseDirectory, string finished, Func<TrainResponse, ValueTask> send, CancellationToken token)
    {
        var events = Channel.CreateUnbounded<TrainResponse>();
        var done = new TaskCompletionSource<TrainingResult>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(token);
        var run = new TrainingRun(spec, rows, heldOut, baseDirectory, response => events.Writer.TryWrite(response), stop.Token);
        new Thread(() =>
        {
            try
            {
                done.SetResult(run.Run(finished, options.TrainingThreads));
            }
            catch (Exception failure)
            {
                done.SetException(failure);
            }

            events.Writer.Complete();
        })
        { IsBackground = true, Name = $"train {spec.ModelId}" }.Start();
        try
        {
            await foreach (var response in events.Reader.ReadAllAsync(CancellationToken.None))
            {
                await send(response);
            }
        }
        finally
        {
            await stop.CancelAsync();
            await ((Task)done.Task).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }

        return await done.Task;
    }

    private async Task<(List<Example> Rows, List<Example> HeldOut)> ReadRowsAsync(IAsyncStreamReader<TrainRequest> requests, bool mayBeEmpty, CancellationToken token)
    {
        var (rows, heldOut) = (new List<Example>(), new List<Example>());
        var ids = new HashSet<string>(StringComparer.Ordinal);
        while (await requests.MoveNext(token))
        {
            var message = requests.Current;
            var isHeldOut = message.MessageCase == TrainRequest.MessageOneofCase.EvaluationExample;
            var field = isHeldOut ? "evaluation_example" : "example";
            var row = (isHeldOut ? message.EvaluationExample : message.Example) ?? throw RpcFailure.InvalidArgument("example", "every message after the first must hold one");
            RpcFailure.Require(row.Id.Length is > 0 and <= 200, $"{field}.id", "must have 1 to 200 characters");
            RpcFailure.Require(row.Segments.Count > 0 && !row.Segments.Any(string.IsNullOrWhiteSpace), $"{field}.segments", $"must hold at least one text, and none may be empty (id {row.Id})");
            RpcFailure.Require(!isHeldOut || row.Label.Length > 0, "evaluation_example.label", $"a held-out row needs one (id {row.Id})");
            RpcFailure.Require(ids.Add((isHeldOut ? "e" : "t") + row.Id), $"{field}.id", $"came before: {row.Id}");
            (isHeldOut ? heldOut : rows).Add(row);
            RequireRoom(rows, heldOut);
        }

        RpcFailure.Require(mayBeEmpty || rows.Count > 0, "example", "there is no row to learn from");
        return (rows, heldOut);
    }

    private void AddRow(List<Example> rows, List<Example> heldOut, HashSet<string> known, Example row)
    {
        if (known.Add(row.Id))
        {
            rows.Add(row);
            RequireRoom(rows, heldOut);
        }
    }

    private void RequireRoom(List<Example> rows, List<Example> heldOut)
    {
        if (rows.Count + heldOut.Count > options.MaxRows)
        {
            throw RpcFailure.ResourceExhausted("TOO_MANY_ROWS", $"A run may have {options.MaxRows} rows.", TimeSpan.Zero);
        }
    }
}
