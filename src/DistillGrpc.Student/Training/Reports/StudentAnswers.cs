using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Models;
using DecodingOptions = DistillGrpc.Modeling.Decoding.DecodingOptions;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// Has a student in memory answer many rows at once, greedily and as it would when it is served. Rows of similar length are read together, since
/// what is short is padded to the longest; answers come in the rows' order.
/// </summary>
/// <param name="model">The student; its engine is used by nobody else meanwhile.</param>
/// <param name="maxTokens">Most tokens of an answer.</param>
/// <param name="cancellationToken">Looked at before every token.</param>
internal sealed class StudentAnswers(ServingModel model, int maxTokens, CancellationToken cancellationToken)
{
    private const int AtOnce = 32;

    // Of a step, for each of those.
    private const int RowsOfChoices = 4;

    /// <summary>The label of each row; where it is read from a rationale, from the row's.</summary>
    /// <param name="rows">The rows.</param>
    /// <param name="answered">Hears of rows that have been answered, how many; null for nobody.</param>
    public string[] Labels(IReadOnlyList<Example> rows, Action<int>? answered = null) => model.Card.Form switch
    {
        PredictionForm.RationaleThenLabel => [.. AsOne(rows, answered).Select(answer => answer.Label)],
        PredictionForm.LabelFromRationale => Decode(rows, (row, _) => model.Prompts.LabelFrom([.. row.Segments], row.Rationale), answered),
        _ => Decode(rows, (row, _) => model.Prompts.Label([.. row.Segments]), answered),
    };

    /// <summary>All that the student has learnt to say to each row, for a student that has learnt to give rationales.</summary>
    /// <inheritdoc cref="Labels"/>
    public IReadOnlyList<StudentAnswer> Explained(IReadOnlyList<Example> rows, Action<int>? answered = null)
    {
        if (model.Card.Form == PredictionForm.RationaleThenLabel)
        {
            return AsOne(rows, answered);
        }

        var labels = Labels(rows);
        var rationales = Decode(rows, (row, _) => model.Prompts.Rationale([.. row.Segments]), answered);
        var ofLabels = model.Card.ExplainsGivenLabel ? Decode(rows, (row, i) => model.Prompts.RationaleOf([.. row.Segments], labels[i]), null) : new string[rows.Count];
        return [.. labels.Select((label, i) => new StudentAnswer(label, rationales[i], ofLabels[i] ?? ""))];
    }

    /// <summary>What the student gives at every choice between labels, for each row.</summary>
    /// <param name="rows">The rows; where the label is read from a rationale, each has one.</param>
    /// <param name="labels">The labels.</param>
    /// <param name="answered">Hears of rows that have been answered, how many; null for nobody.</param>
    public ChoiceLogits[] Choices(IReadOnlyList<Example> rows, TokenTrie labels, Action<int>? answered = null)
    {
        TaskPrompt[] prompts = [.. rows.Select(row => model.Card.Form == PredictionForm.LabelFromRationale ? model.Prompts.LabelFrom([.. row.Segments], row.Rationale) : model.Prompts.Label([.. row.Segments]))];
        var rationales = model.Card.Form == PredictionForm.RationaleThenLabel
            ? DecodeIds(rows, (_, row) => prompts[row], TaskPrompts.MostRationale, model.Prompts.BeforeLabel, null)
            : [.. rows.Select(_ => Array.Empty<int>())];
        var choices = new ChoiceLogits[rows.Count];
        foreach (var chunk in Enumerable.Range(0, rows.Count).OrderBy(row => prompts[row].Input.Ids.Length).Chunk(AtOnce))
        {
            DecodingOptions[] options = [.. chunk.Select(row => new DecodingOptions { MaxTokens = labels.Longest, Allowed = labels, ChoiceRows = RowsOfChoices, Prefix = [.. prompts[row].DecoderPrefix, .. rationales[row]] })];
            var weighed = BatchDecoder.Choices(model.Engine, [.. chunk.Select(row => prompts[row].Input.Ids)], options, cancellationToken);
            for (var i = 0; i < chunk.Length; i++)
            {
                choices[chunk[i]] = weighed[i];
            }

            answered?.Invoke(chunk.Length);
        }

        return choices;
    }

    private StudentAnswer[] AsOne(IReadOnlyList<Example> rows, Action<int>? answered) => DecodeIds(
        rows, (row, _) => model.Prompts.Label([.. row.Segments]), TaskPrompts.MostRationale + model.Prompts.LabelPrefixTokens + maxTokens,
        written => new StudentAnswer(model.Tokenizer.Decode(model.Prompts.LabelIn(written)), model.Tokenizer.Decode(model.Prompts.RationaleIn(written)), ""), answered);

    private string[] Decode(IReadOnlyList<Example> rows, Func<Example, int, TaskPrompt> ask, Action<int>? answered) =>
        DecodeIds(rows, ask, maxTokens, written => model.Tokenizer.Decode(written), answered);

    private T[] DecodeIds<T>(IReadOnlyList<Example> rows, Func<Example, int, TaskPrompt> ask, int most, Func<int[], T> read, Action<int>? answered)
    {
        TaskPrompt[] prompts = [.. rows.Select(ask)];
        var answers = new T[rows.Count];
        // What decoders are made to begin with is the same for a batch.
        foreach (var alike in Enumerable.Range(0, rows.Count).GroupBy(row => string.Join(' ', prompts[row].DecoderPrefix)))
        {
            foreach (var chunk in alike.OrderBy(row => prompts[row].Input.Ids.Length).Chunk(AtOnce))
            {
                var options = new DecodingOptions { MaxTokens = most, Prefix = prompts[chunk[0]].DecoderPrefix, LogProbabilities = false };
                var written = BatchDecoder.Decode(model.Engine, [.. chunk.Select(row => prompts[row].Input.Ids)], options, cancellationToken);
                for (var i = 0; i < chunk.Length; i++)
                {
                    answers[chunk[i]] = read([.. written[i][0].Tokens]);
                }

                answered?.Invoke(chunk.Length);
            }
        }

        return answers;
    }
}
