using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;

namespace DistillGrpc.Student.Serving.Explaining;

/// <summary>
/// Has a student read a label from a rationale, never from an input: the rationale stands where the input does, without the labels that it names, and the label is one of
/// the task's where they are known. It was not trained to; <see cref="ReadingCard"/> says when what it reads counts.
/// </summary>
internal sealed class LabelReader
{
    // Of a label of an unknown set.
    private const int MostTokens = 64;

    // Of one of the task's: longer than any of them.
    private const int MostLabelTokens = 1024;
    private readonly ServingModel _model;
    private readonly LabelWords _words;
    private readonly CandidateSet? _labels;

    public LabelReader(ServingModel model)
    {
        var labels = model.Card.Labels;
        (_model, _words) = (model, new LabelWords(labels));
        _labels = labels.Count > 1 && labels.All(CanWrite) ? new CandidateSet(model.Tokenizer, labels, MostLabelTokens) : null;
    }

    /// <summary>What the student is asked; null where nothing is left to be read.</summary>
    public TaskPrompt? Ask(string rationale) => _words.Without(rationale) is var rest && rest.Any(char.IsLetterOrDigit) ? _model.Prompts.Label([rest]) : null;

    /// <summary>How it answers.</summary>
    public DecodingOptions Options(TaskPrompt prompt) => new() { MaxTokens = _labels?.Allowed.Longest ?? MostTokens, Prefix = prompt.DecoderPrefix, Allowed = _labels?.Allowed };

    /// <summary>What it has read, and how probable that is: among the task's labels, or among all texts.</summary>
    public (string Label, double Probability) Read(GeneratedAnswer answer)
    {
        var text = _model.Tokenizer.Decode([.. answer.Tokens]);
        return (_labels?.LabelOf(text) ?? text, answer.HasEnded ? Math.Exp(answer.LogProbabilities.Sum(value => (double)value)) : 0);
    }

    private bool CanWrite(string label) => _model.Tokenizer.Encode(label) is { Length: > 0 } ids && !ids.Contains(_model.Tokenizer.UnkId);
}
