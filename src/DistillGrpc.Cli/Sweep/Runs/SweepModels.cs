using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>The models of a sweep: asked about the held-out rows, and then removed, since every one of them is in the Student's memory.</summary>
internal sealed class SweepModels(InferenceClient inference, ModelClient models, HeldOutRows heldOut)
{
    /// <summary>A model's answers to the held-out rows, in their order; null where there is no such model any more, or not all rows were answered.</summary>
    public async Task<IReadOnlyList<RowAnswer>?> AskAsync(PlannedRun run, CancellationToken cancellationToken)
    {
        var needsRationale = run.Spec.Mode == TrainingMode.LabelFromRationale;
        var requests = heldOut.Rows.Select((row, i) => new BatchPredictRequest
        {
            Id = $"{i}",
            Request = new PredictRequest { Model = $"models/{run.Id}@{PlannedRun.Alias}", Segments = { row.Segments }, GivenRationale = needsRationale ? row.Rationale : "" },
        });
        var answers = new RowAnswer[heldOut.Rows.Count];
        try
        {
            await foreach (var answer in inference.BatchPredictAsync(requests.ToAsyncEnumerable(), cancellationToken))
            {
                if (answer.Prediction is null)
                {
                    return null;
                }

                var (index, predicted) = (int.Parse(answer.Id), answer.Prediction.Label.Text);
                var row = heldOut.Rows[index];
                answers[index] = new RowAnswer(row.Id, heldOut.GroupOf(row), predicted, heldOut.IsRight(predicted, row));
            }
        }
        catch (RpcException gone) when (gone.StatusCode == StatusCode.NotFound)
        {
            return null;
        }

        return Array.TrueForAll(answers, answer => answer is not null) ? answers : null;
    }

    /// <summary>Removes a run's model, where there is one, and nobody has given it an alias since.</summary>
    public async Task DeleteAsync(string id, CancellationToken cancellationToken)
    {
        try
        {
            if ((await models.GetAsync($"models/{id}", cancellationToken)).Aliases.Keys.All(alias => alias == PlannedRun.Alias))
            {
                await models.DeleteAsync($"models/{id}", cancellationToken);
            }
        }
        catch (RpcException gone) when (gone.StatusCode == StatusCode.NotFound)
        {
            // Removed before.
        }
    }
}
