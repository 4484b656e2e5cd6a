using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Student.Models;

/// <summary>
/// What tasks look like to a student, the same when it learns and when it answers. With the prefixes on the encoder, <c>[label] x</c> and
/// <c>[rationale] x</c>; a label or rationale that is given is a last segment behind the other task's prefix, <c>[rationale] x &lt;/s&gt; [label] y</c>. With
/// the prefixes on the decoder, which begins with <c>[label]</c>, <c>[rationale]</c> or <c>[label] y [rationale]</c>, the input of all tasks is the same.
/// </summary>
internal sealed class TaskPrompts
{
    /// <summary>Most tokens of a rationale that nobody asked for, but that stands before the label.</summary>
    public const int MostRationale = 256;

    private readonly ITokenizer _tokenizer;
    private readonly ModelCard _card;
    private readonly int[] _label;
    private readonly int[] _rationale;

    public TaskPrompts(ITokenizer tokenizer, ModelCard card)
    {
        (_tokenizer, _card) = (tokenizer, card);
        (_label, _rationale) = (tokenizer.Encode(card.LabelPrefix), tokenizer.Encode(card.RationalePrefix));
    }

    /// <summary>Whether the tokenizer knows the prefixes apart.</summary>
    public bool AreDistinct => !_label.SequenceEqual(_rationale);

    /// <summary>Ids of the label's prefix.</summary>
    public int LabelPrefixTokens => _label.Length;

    /// <summary>The label is asked for.</summary>
    public TaskPrompt Label(IReadOnlyList<string> segments) => Ask(_card.LabelPrefix, segments, _label);

    /// <summary>The label is asked for, given a rationale.</summary>
    public TaskPrompt LabelFrom(IReadOnlyList<string> segments, string rationale) => Ask(_card.LabelPrefix, segments, _card.RationalePrefix + rationale);

    /// <summary>The rationale is asked for.</summary>
    public TaskPrompt Rationale(IReadOnlyList<string> segments) => Ask(_card.RationalePrefix, segments, _rationale);

    /// <summary>The rationale of a label is asked for.</summary>
    public TaskPrompt RationaleOf(IReadOnlyList<string> segments, string label) => _card.PrefixOnDecoder
        ? Ask("", segments, [.. _label, .. _tokenizer.Encode(label), .. _rationale])
        : Ask(_card.RationalePrefix, segments, _card.LabelPrefix + label);

    /// <summary>A label or a rationale that is learnt.</summary>
    public EncodedInput Target(string text, int maxTokens) => InputEncoder.Encode(_tokenizer, "", [text], maxTokens);

    /// <summary>A rationale and then its label as one target, told apart by the label's prefix; what is cut is the rationale.</summary>
    public EncodedInput Target(string rationale, string label, int maxTokens)
    {
        var ofLabel = Target(label, Math.Max(1, maxTokens - _label.Length));
        return InputEncoder.Join(_tokenizer.Encode(rationale), _label, ofLabel, maxTokens);
    }

    /// <summary>Where the label's prefix begins in ids that a student has written as one text, the first time; -1 where it does not.</summary>
    public int LabelAt(ReadOnlySpan<int> written) => _label.Length == 0 ? -1 : written.IndexOf(_label);

    /// <summary>The rationale's part of what a student has written as one text, and the label's prefix, whether it came to that or not.</summary>
    public int[] BeforeLabel(int[] written) => [.. RationaleIn(written).AsSpan().TrimEnd(_tokenizer.EosId), .. _label];

    /// <summary>The rationale's part of what a student has written as one text.</summary>
    public int[] RationaleIn(int[] written) => LabelAt(written) is var at and >= 0 ? written[..at] : written;

    /// <summary>The label's part of what a student has written as one text; nothing where it did not come to it.</summary>
    public int[] LabelIn(int[] written) => LabelAt(written) is var at and >= 0 ? written[(at + _label.Length)..] : [];

    private TaskPrompt Ask(string prefix, IReadOnlyList<string> segments, int[] onDecoder) => _card.PrefixOnDecoder
        ? new TaskPrompt(InputEncoder.Encode(_tokenizer, "", segments, _card.MaxInputTokens), onDecoder)
        : new TaskPrompt(InputEncoder.Encode(_tokenizer, prefix, segments, _card.MaxInputTokens), []);

    private TaskPrompt Ask(string prefix, IReadOnlyList<string> segments, string last) =>
        new(InputEncoder.EncodeKeepingLast(_tokenizer, prefix, segments, last, _card.MaxInputTokens), []);
}
