using DistillGrpc.Cli.Data;
using DistillGrpc.Cli.Jobs;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistillGrpc.Cli.Training;

/// <summary><c>distill train --job</c>: rows become datasets of the Student's, and a job learns from them.</summary>
internal sealed class TrainingJobRun(string id, TrainingSpec spec, int priority, bool isDetached, TrainingOutput output)
{
    private readonly string _id = id.StartsWith(TrainingJobs.Prefix, StringComparison.Ordinal) ? id[TrainingJobs.Prefix.Length..] : id;

    public async Task RunAsync(GrpcChannel channel, DataSource? data, DataSource? evalData, CancellationToken cancellationToken)
    {
        var (datasets, client) = (new DatasetClient(channel), new TrainingClient(channel));
        await UploadAsync(datasets, spec, data, evalData, cancellationToken);
        var job = await CreateAsync(client, cancellationToken);
        var again = $"distill jobs watch {job.Name}";
        if (isDetached)
        {
            await Console.Error.WriteLineAsync($"{job.Name} goes on by itself: {again}");
            return;
        }

        try
        {
            await foreach (var happened in client.WatchAsync(job.Name, 0, cancellationToken))
            {
                await output.ShowAsync(happened);
            }
        }
        catch (Exception failure) when (cancellationToken.IsCancellationRequested || failure is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.Internal })
        {
            await Console.Error.WriteLineAsync($"{job.Name} goes on by itself{(cancellationToken.IsCancellationRequested ? "" : " when the Student runs")}: {again}");
            throw;
        }

        output.ThrowIfNotSucceeded(job.Name);
    }

    /// <summary>Makes datasets of files. The same rows are the same dataset: the command may be given again.</summary>
    public static async Task UploadAsync(DatasetClient datasets, TrainingSpec spec, DataSource? data, DataSource? evalData, CancellationToken cancellationToken)
    {
        spec.Dataset = data is null ? spec.Dataset : await UploadAsync(datasets, data, cancellationToken);
        spec.EvaluationDataset = evalData is null ? spec.EvaluationDataset : await UploadAsync(datasets, evalData, cancellationToken);
    }

    private static async Task<string> UploadAsync(DatasetClient datasets, DataSource data, CancellationToken cancellationToken)
    {
        var uploaded = await datasets.UploadAsync(new UploadSpec { DisplayName = data.Name }, data.ReadAsync(cancellationToken), cancellationToken);
        return uploaded.RejectedCount == 0
            ? uploaded.Dataset.Name
            : throw new InvalidDataException($"{data.Name}: {uploaded.RejectedCount} rows were refused, the first ('{uploaded.Rejected[0].Id}'): {uploaded.Rejected[0].Error.Message}");
    }

    private async Task<TrainingJob> CreateAsync(TrainingClient client, CancellationToken cancellationToken)
    {
        try
        {
            return await client.CreateAsync(new CreateTrainingJobRequest { TrainingJobId = _id, RequestId = _id, Spec = spec, Priority = priority }, cancellationToken);
        }
        catch (RpcException taken) when (RpcErrors.Reason(taken) == "REQUEST_ID_REUSED")
        {
            throw new InvalidDataException($"There is a job {TrainingJobs.Prefix}{_id} already, with other rows or options: take a new --job, or delete it.", taken);
        }
    }
}
