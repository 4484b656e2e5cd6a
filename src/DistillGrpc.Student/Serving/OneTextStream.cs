using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Serving;

/// <summary>
/// A rationale and a label that are written as one text, told apart while they come. Ids that may be the beginning of the label's prefix
/// are held back.
/// </summary>
internal sealed class OneTextStream
{
    private readonly TaskPrompts _prompts;
    private readonly List<int> _held = [];
    private readonly ITokenDecoder _rationale;
    private readonly ITokenDecoder _label;
    private bool _isLabel;

    public OneTextStream(LoadedModel model) =>
        (_prompts, _rationale, _label) = (model.Prompts, model.Tokenizer.CreateDecoder(), model.Tokenizer.CreateDecoder());

    /// <summary>The text that has become certain with one more id.</summary>
    public (string Rationale, string Label) Append(int token)
    {
        if (_isLabel)
        {
            return ("", _label.Append(token));
        }

        _held.Add(token);
        if (_prompts.LabelAt(_held.ToArray()) is var at and >= 0)
        {
            _isLabel = true;
            return (Take(at) + _rationale.Flush(), "");
        }

        return (Take(Math.Max(0, _held.Count - _prompts.LabelPrefixTokens + 1)), "");
    }

    /// <summary>The rest.</summary>
    public (string Rationale, string Label) Flush() => _isLabel ? ("", _label.Flush()) : (Take(_held.Count) + _rationale.Flush(), "");

    private string Take(int count)
    {
        var text = string.Concat(_held.Take(count).Select(_rationale.Append));
        _held.RemoveRange(0, count);
        return text;
    }
}
