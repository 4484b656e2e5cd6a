using System.Runtime.InteropServices;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>
/// A rationale and a label that are written as one text, told apart while they come. Ids that may be the beginning of the label's prefix
/// are held back.
/// </summary>
/// <param name="model">The model.</param>
/// <param name="decoding">How it is written.</param>
/// <param name="maxTokens">Most tokens of each of the two: of a longer rationale the rest is written, for the label's sake, and not told.</param>
/// <param name="wantsLabel">Whether the label is wanted, too.</param>
internal sealed class OneTextStream(ServingModel model, TaskDecoding decoding, int maxTokens, bool wantsLabel)
{
    private readonly TaskPrompts _prompts = model.Prompts;
    private readonly List<int> _held = [];
    private readonly AnswerText _rationale = new(model.Tokenizer, decoding.Forced, decoding.Spec.Stops);
    private readonly AnswerText _label = new(model.Tokenizer, [], decoding.Spec.Stops);
    private bool _isLabel;

    /// <summary>The text of the prefix.</summary>
    public string Beginning => _rationale.Beginning;

    /// <summary>Tokens of each that were written and told.</summary>
    public (int Rationale, int Label) Tokens => (_rationale.Tokens, _label.Tokens);

    /// <summary>Whether nothing more is wanted: a stop text came, the label has its tokens, or would only begin.</summary>
    public bool IsOver => _rationale.IsStopped || _label.IsStopped || (_isLabel && (!wantsLabel || _label.Tokens >= maxTokens));

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
        var text = string.Concat(_held.Take(Math.Min(count, maxTokens - _rationale.Tokens)).Select(_rationale.Append));
        _held.RemoveRange(0, count);
        return text;
    }
}
