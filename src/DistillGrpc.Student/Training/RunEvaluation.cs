using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;
using TorchSharp;

namespace DistillGrpc.Student.Training;

/// <summary>Has a student answer the held-out rows.</summary>
internal sealed class RunEvaluation(RunSpec spec, IReadOnlyList<Example> heldOut, CancellationToken cancellationToken)
{
    private const int AtOnce = 32;

    /// <summary>How many rows were answered right; null where none are held out. The model is left in evaluation mode.</summary>
    public int? Of(LoadedModel model)
    {
        if (heldOut.Count == 0)
        {
            return null;
        }

        model.Model.eval();
        var correct = 0;
        foreach (var chunk in heldOut.Chunk(AtOnce))
        {
            using var scope = torch.NewDisposeScope();
            var inputs = chunk.Select(row => model.Encode(rationale: false, [.. row.Segments]).Ids).ToArray();
            var answers = GreedyDecoder.Decode(
                model.Model, PaddedBatch.Pad(inputs, model.Tokenizer.PadId), PaddedBatch.Mask(inputs), spec.MaxTargetTokens, cancellationToken: cancellationToken);
            correct += chunk.Zip(answers).Count(pair => spec.Scorer.IsRight(model.Tokenizer.Decode(pair.Second), pair.First.Label, pair.First.Answer));
        }

        return correct;
    }
}
