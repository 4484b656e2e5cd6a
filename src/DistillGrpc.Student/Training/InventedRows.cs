using System.Runtime.CompilerServices;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Student.Training;

/// <summary>Inputs that the Teacher invents, where there are none or too few.</summary>
internal sealed class InventedRows(TeacherConnection teacher)
{
    private const int MaxSeeds = 50;

    /// <summary>The inputs, each with the label that it was asked for, where there are labels.</summary>
    /// <param name="source">Who invents what.</param>
    /// <param name="known">Rows that there are already: some of them are shown.</param>
    /// <param name="report">Takes the events.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="RpcException">FAILED_PRECONDITION without a configured Teacher; UNAVAILABLE where it cannot be reached; what it refused.</exception>
    public async IAsyncEnumerable<Example> ReadAsync(TeacherSource source, IReadOnlyList<Example> known, Func<TrainingEvent, ValueTask> report, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        var (client, wanted, progress) = (new TeacherClient(teacher.Channel("Inputs are to be invented")), source.Invented, new TeachingReport(report));
        var request = new InventInputsRequest { Teacher = source.Teacher, TaskDescription = wanted.TaskDescription, Count = wanted.Count };
        request.Labels.AddRange(wanted.Labels);
        request.Seeds.AddRange(known.Where(row => row.Segments.Count == known[0].Segments.Count).Take(MaxSeeds));
        var (invented, summary) = (0, (InventionSummary?)null);
        await using var responses = client.InventInputsAsync(request, cancellationToken).GetAsyncEnumerator(cancellationToken);
        while (await NextAsync(responses, cancellationToken))
        {
            summary = responses.Current.Summary ?? summary;
            if (responses.Current.Input is { } input)
            {
                invented++;
                yield return input;
                await progress.TellAsync(invented, wanted.Count, invented);
            }
        }

        if (summary is { Reason.Length: > 0 })
        {
            await progress.WarnAsync("INPUTS_MISSING", $"The Teacher invented {invented} of {wanted.Count} inputs ({summary.Reason}); training goes on with these.");
        }
    }

    private async ValueTask<bool> NextAsync(IAsyncEnumerator<InventInputsResponse> responses, CancellationToken cancellationToken)
    {
        try
        {
            return await responses.MoveNextAsync();
        }
        catch (RpcException away) when (TeacherConnection.IsAway(away) && !cancellationToken.IsCancellationRequested)
        {
            throw teacher.Unavailable(away);
        }
    }
}
