using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Student.Models;

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
            var answers = LabelAnswers.Of(model, chunk, spec.MaxTargetTokens, cancellationToken);
            correct += chunk.Zip(answers).Count(pair => spec.Scorer.IsRight(pair.Second, pair.First.Label, pair.First.Answer));
        }

        return correct;
    }
}
