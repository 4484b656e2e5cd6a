using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;
using TorchSharp;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// Has a student in memory answer many rows at once, greedily and as it would when it is served. Rows of similar length are read together, since
/// what is short is padded to the longest; answers come in the rows' order.
/// </summary>
/// <param name="model">The student; it is left in evaluation mode.</param>
/// <param name="maxTokens">Most tokens of an answer.</param>
/// <param name="cancellationToken">Looked at before every token.</param>
internal sealed class StudentAnswers(LoadedModel model, int maxTokens, CancellationToken cancellationToken)
{
    private const int AtOnce = 32;

    /// <summary>The label of each row.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="answered">Hears of rows that have been answered, how many; null for nobody.</param>
    public string[] Labels(IReadOnlyList<Example> rows, Action<int>? answered = null) => Decode(rows, rationale: false, answered);

    /// <summary>All that the student has learnt to say to each row, for a student that has learnt to give rationales.</summary>
    /// <inheritdoc cref="Labels"/>
    public IReadOnlyList<StudentAnswer> Explained(IReadOnlyList<Example> rows, Action<int>? answered = null)
    {
        var labels = Decode(rows, rationale: false, null);
        var rationales = Decode(rows, rationale: true, answered);
        return [.. labels.Zip(rationales, (label, rationale) => new StudentAnswer(label, rationale, ""))];
    }

    private string[] Decode(IReadOnlyList<Example> rows, bool rationale, Action<int>? answered)
    {
        model.Model.eval();
        int[][] inputs = [.. rows.Select(row => model.Encode(rationale, [.. row.Segments]).Ids)];
        var texts = new string[rows.Count];
        foreach (var chunk in Enumerable.Range(0, rows.Count).OrderBy(row => inputs[row].Length).Chunk(AtOnce))
        {
            using var scope = torch.NewDisposeScope();
            int[][] batch = [.. chunk.Select(row => inputs[row])];
            var answers = GreedyDecoder.Decode(model.Model, PaddedBatch.Pad(batch, model.Tokenizer.PadId), PaddedBatch.Mask(batch), maxTokens, cancellationToken: cancellationToken);
            for (var i = 0; i < chunk.Length; i++)
            {
                texts[chunk[i]] = model.Tokenizer.Decode(answers[i]);
            }

            answered?.Invoke(chunk.Length);
        }

        return texts;
    }
}
