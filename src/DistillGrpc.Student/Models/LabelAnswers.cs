using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Models;

/// <summary>A student's labels for many rows.</summary>
internal static class LabelAnswers
{
    // Of a rationale that stands before the label.
    private const int MaxRationale = 256;

    /// <summary>The labels, in the rows' order; where the label is read from a rationale, from the row's.</summary>
    /// <param name="model">The student, in evaluation mode.</param>
    /// <param name="rows">Rows that go through it at once.</param>
    /// <param name="maxTokens">Most tokens of a label.</param>
    /// <param name="cancellationToken">Looked at before every token.</param>
    public static IReadOnlyList<string> Of(LoadedModel model, IReadOnlyList<Example> rows, int maxTokens, CancellationToken cancellationToken)
    {
        var asOne = model.Card.Form == PredictionForm.RationaleThenLabel;
        var prompts = rows.Select(row => model.Card.Form == PredictionForm.LabelFromRationale ? model.Prompts.LabelFrom([.. row.Segments], row.Rationale) : model.Prompts.Label([.. row.Segments])).ToArray();
        var written = model.Decode(prompts, asOne ? MaxRationale + model.Prompts.LabelPrefixTokens + maxTokens : maxTokens, cancellationToken);
        return [.. written.Select(tokens => model.Tokenizer.Decode(asOne ? model.Prompts.LabelIn(tokens) : tokens))];
    }
}
