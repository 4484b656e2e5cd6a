using System.Runtime.InteropServices;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>
/// A rationale and a label that are written as one text, told apart while they come. Ids that may be the beginning of the label's prefix
/// are held back.
/// </summary>
internal sealed class OneTextStream
{
    private readonly TaskPrompts _prompts;
    private readonly List<int> _held = [];
    private readonly AnswerText _rationale;
    private readonly AnswerText _label;
    private bool _isLabel;

    public OneTextStream(ServingModel model, IReadOnlyList<int> prefix, IReadOnlyList<string> stops) =>
        (_prompts, _rationale, _label) = (model.Prompts, new AnswerText(model.Tokenizer, prefix, stops), new AnswerText(model.Tokenizer, [], stops));

    /// <summary>The text of the prefix.</summary>
    public string Beginning => _rationale.Beginning;

    /// <summary>Whether a stop text has ended it.</summary>
    public bool IsStopped => _rationale.IsStopped || _label.IsStopped;

    /// <summary>The text that has become certain with one more id.</summary>
    public (string Rationale, string Label) Append(int token)
    {
        if (_isLabel)
        {
            return ("", _label.Append(token));
        }

        _held.Add(token);
        if (_prompts.LabelAt(CollectionsMarshal.AsSpan(_held)) is var at and >= 0)
        {
            _isLabel = true;
            return (Take(at) + _rationale.Flush(), "");
        }

        return (Take(Math.Max(0, _held.Count - Math.Max(1, _prompts.LabelPrefixTokens) + 1)), "");
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
