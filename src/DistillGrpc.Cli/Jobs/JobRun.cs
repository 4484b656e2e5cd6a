using DistillGrpc.Cli.Data;
using DistillGrpc.Cli.Teaching;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Jobs;

/// <summary><c>distill teach --job</c>: the rows become a durable job of the Teacher's. The same command again goes on with it.</summary>
internal sealed class JobRun(string id, DataSource data, RationaleSpec spec, TeachOutput output, bool isDetached)
{
    private const int ShownRefusals = 5;
    private readonly string _name = Job.Name(id);

    public async Task RunAsync(ExtractionClient client, CancellationToken cancellationToken)
    {
        // A row that cannot be used is found before there is a job.
        await data.CountAsync(cancellationToken);
        await CreateAsync(client, cancellationToken);
        await AppendAsync(client, cancellationToken);
        if (isDetached)
        {
            await Console.Error.WriteLineAsync($"{_name} goes on by itself; its rows: {Rows}");
            return;
        }

        var rows = new JobRows(client, _name, after: 0, RowFilter.All, isFollowed: true);
        try
        {
            await output.SummariseAsync(await rows.WriteAsync(output, cancellationToken));
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"{_name} goes on by itself; its rows: {Rows}");
            throw;
        }

        if (Job.IsHeld(rows.Extraction))
        {
            throw new InvalidDataException($"{_name} is {Job.State(rows.Extraction)}, and goes on after: {Job.Resume(rows.Extraction)}");
        }
    }

    private string Rows => $"distill rows {_name} --follow{(output.File is null ? "" : $" --out {output.File.Name}")}";

    private async Task CreateAsync(ExtractionClient client, CancellationToken cancellationToken)
    {
        try
        {
            await client.CreateAsync(new CreateExtractionRequest { ExtractionId = Job.Id(id), RequestId = Job.Id(id), Spec = new ExtractionSpec { Rationales = spec } }, cancellationToken);
        }
        catch (RpcException taken) when (taken.StatusCode == StatusCode.AlreadyExists)
        {
            throw new InvalidDataException($"{RpcErrors.Describe(taken)} A job goes on with the options that it began with; or take another --job.", taken);
        }
    }

    private async Task AppendAsync(ExtractionClient client, CancellationToken cancellationToken)
    {
        AppendInputsResponse appended;
        try
        {
            appended = await client.AppendInputsAsync(_name, data.ReadAsync(cancellationToken), complete: true, cancellationToken);
        }
        catch (Exception) when (cancellationToken.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync($"{_name} has not all of its inputs: run the same command again.");
            throw;
        }

        foreach (var refused in appended.Rejected.Take(ShownRefusals))
        {
            await Console.Error.WriteLineAsync($"row {refused.InputId}: {refused.Error?.Message}");
        }

        if (appended.RejectedCount > 0)
        {
            await Console.Error.WriteLineAsync($"{appended.RejectedCount} inputs were refused.");
        }

        if (appended.RejectedCount > 0 && appended.Appended + appended.Present == 0)
        {
            throw new InvalidDataException("No input was taken.");
        }
    }
}
