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
        await using var file = isDetached ? null : new RowFile(output.File);
        // Nor is there one for rows of which there are none: what is empty, such as a pipe, may say so only when it is read.
        await using var rows = data.ReadAsync(cancellationToken).GetAsyncEnumerator(cancellationToken);
        var hasRow = await rows.MoveNextAsync();
        await CreateAsync(client, cancellationToken);
        var refused = await AppendAsync(client, Rest(rows, hasRow), cancellationToken);
        if (!(await client.GetAsync(_name, cancellationToken)).InputsComplete)
        {
            throw new InvalidDataException($"{_name} waits for further inputs, because {refused} were refused: mend them, and run the same command again.");
        }

        if (file is null)
        {
            await Console.Error.WriteLineAsync($"{_name} goes on by itself; its rows: {Rows}");
        }
        else
        {
            await FollowAsync(client, file, cancellationToken);
        }

        if (refused > 0)
        {
            throw new InvalidDataException($"{refused} inputs were refused: mend them, and ask for them with another --job.");
        }
    }

    private string Rows => $"distill rows {_name} --follow{(output.File is null ? "" : $" --out {output.File}")}";

    private async Task FollowAsync(ExtractionClient client, RowFile file, CancellationToken cancellationToken)
    {
        var rows = new JobRows(client, _name, after: 0, RowFilter.All, isFollowed: true);
        try
        {
            await output.SummariseAsync(await rows.WriteAsync(file, output, cancellationToken));
        }
        catch (Exception failure) when (cancellationToken.IsCancellationRequested || failure is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.Internal })
        {
            await Console.Error.WriteLineAsync($"{_name} goes on by itself{(cancellationToken.IsCancellationRequested ? "" : " when the Teacher runs")}; its rows: {Rows}");
            throw;
        }

        Job.ThrowIfHeld(rows.Extraction);
    }

    private async Task CreateAsync(ExtractionClient client, CancellationToken cancellationToken)
    {
        try
        {
            await client.CreateAsync(new CreateExtractionRequest { ExtractionId = Job.Id(id), RequestId = Job.Id(id), Spec = new ExtractionSpec { Rationales = spec } }, cancellationToken);
        }
        catch (RpcException taken) when (taken.StatusCode == StatusCode.AlreadyExists)
        {
            throw new InvalidDataException($"{RpcErrors.Describe(taken)} A job goes on with the options that it began with. For a higher budget: distill jobs resume {_name} --budget AMOUNT. For other options take a new --job: answers that are there are not paid for again.", taken);
        }
    }

    private static async IAsyncEnumerable<Example> Rest(IAsyncEnumerator<Example> rows, bool hasRow)
    {
        for (; hasRow; hasRow = await rows.MoveNextAsync())
        {
            yield return rows.Current;
        }
    }

    // How many were refused.
    private async Task<long> AppendAsync(ExtractionClient client, IAsyncEnumerable<Example> rows, CancellationToken cancellationToken)
    {
        AppendInputsResponse appended;
        try
        {
            appended = await client.AppendInputsAsync(_name, rows, complete: true, cancellationToken);
        }
        catch (RpcException complete) when (RpcErrors.Reason(complete) == "INPUTS_COMPLETE")
        {
            throw new InvalidDataException($"{RpcErrors.Describe(complete)} For further rows take a new --job: answers that are there are not paid for again.", complete);
        }
        catch (Exception failure) when (cancellationToken.IsCancellationRequested || failure is RpcException { StatusCode: StatusCode.Unavailable or StatusCode.Internal })
        {
            await Console.Error.WriteLineAsync($"{_name} may not have all of its inputs: run the same command again.");
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

        return appended.RejectedCount;
    }
}
