using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// Soft labels from a teacher's likeliest tokens at every position of a target (<see cref="TaskRow.TokenSoftLabels"/>):
/// T^2 * KL(teacher || student), a mean as the tasks' losses are, over the rows that have some. The teacher's k
/// probabilities are tempered and made to add up to 1; the student's are those of its whole vocabulary at the temperature,
/// so what it gives to other tokens costs it. (One bucket for all others would have no temperature: it is not one token.)
/// The usual mixture (1 - w) * hard + w * soft is a task weight of 1 - w and a weight of w here.
/// </summary>
/// <param name="task">The task whose rows carry them.</param>
/// <param name="weight">Weight of the term.</param>
/// <param name="temperature">T, over 0; default 1.</param>
public sealed class TokenSoftLabels(string task, double weight, double temperature = 1) : LossTerm
{
    private readonly Tempered _tempered = new(temperature);

    internal override IEnumerable<TermLoss> Losses(StepPass pass)
    {
        var index = pass.IndexOf(task);
        if (index >= 0 && pass.Tasks[index].Rows.Any(HasAny))
        {
            yield return new TermLoss($"{task}.soft", weight, Loss(pass, index));
        }
    }

    private static bool HasAny(TaskRow row) => row.TokenSoftLabels is { Positions: > 0 };

    private Tensor Loss(StepPass pass, int index)
    {
        using var scope = NewDisposeScope();
        var share = pass.Plan.Shares(pass.Plan.Tasks[index].Rows.Where(HasAny).Select(row => row.Target.Length));
        var (rows, device) = (pass.Tasks[index].Rows, pass.Model.Device);
        var width = rows.Where(HasAny).Max(row => row.TokenSoftLabels!.Width);
        var (places, ids, probabilities, constant) = (new List<long>(), new List<long>(), new List<float>(), 0.0);
        var first = 0;
        foreach (var row in rows)
        {
            for (var t = 0; HasAny(row) && t < row.Target.Length; t++)
            {
                places.Add(first + t);
                constant += Add(row, t, width, pass.Model.Config.VocabularySize, share(row.Target.Length) * _tempered.Square, ids, probabilities);
            }

            first += row.Target.Length;
        }

        var logits = pass.Decoded[index]!.Logits.index_select(0, tensor(places.ToArray(), device: device));
        var likely = _tempered.LogSoftmax(logits).gather(1, tensor(ids.ToArray(), places.Count, width, device: device));
        var crossEntropy = likely.mul(tensor(probabilities.ToArray(), places.Count, width, device: device)).sum().neg();
        return crossEntropy.add(tensor((float)constant, device: device), Scalars.One).MoveToOuterDisposeScope();
    }

    // One position's ids and probabilities, the latter already times the position's share.
    private double Add(TaskRow row, int position, int width, int vocabulary, double share, List<long> ids, List<float> probabilities)
    {
        var soft = row.TokenSoftLabels!;
        if (soft.Positions != row.Target.Length || soft.Ids.Length != soft.Probabilities.Length || soft.Ids.Length % soft.Width != 0)
        {
            throw new ArgumentException($"A row of task '{task}' has a target of {row.Target.Length} tokens and soft labels for {soft.Positions}.");
        }

        var from = position * soft.Width;
        var known = Enumerable.Range(from, soft.Width).Where(i => soft.Ids[i] >= 0).ToArray();
        if (known.Any(i => soft.Ids[i] >= vocabulary))
        {
            throw new ArgumentException($"A row of task '{task}' has soft labels for ids that the student does not have.");
        }

        var tempered = _tempered.Of(known.Select(i => soft.Probabilities[i]));
        for (var i = 0; i < width; i++)
        {
            ids.Add(i < known.Length ? soft.Ids[known[i]] : 0);
            probabilities.Add(i < known.Length ? (float)(tempered[i] * share) : 0);
        }

        return share * Tempered.NegativeEntropy(tempered);
    }
}
