using System.Text;

namespace DistillGrpc.Modeling.Tokenizers;

/// <summary>
/// Writes ids as Hugging Face's T5Tokenizer does: pieces run together, white space trimmed around the text and around
/// sentinels, sentinels between spaces, and after any other special token a space before text. (T5Tokenizer leaves out
/// that space where no special token follows any more; here it is always there, or no text could be sent before the end.)
/// </summary>
internal sealed class UnigramTextDecoder(UnigramSurfaces surfaces, bool skipSpecialTokens) : ITokenDecoder
{
    private readonly StringBuilder _held = new();
    private readonly StringBuilder _delta = new();
    private Decoder? _utf8;
    private bool _started;
    private bool _afterSpecial;
    private bool _afterSentinel;
    private bool _inRun;
    private bool _runHasText;

    public string Append(int id)
    {
        Append(id, _delta.Clear());
        return _delta.ToString();
    }

    public string Flush()
    {
        Flush(_delta.Clear());
        return _delta.ToString();
    }

    internal void Append(int id, StringBuilder output)
    {
        var (kind, text) = surfaces[id];
        if (kind == SurfaceKind.Nothing || (skipSpecialTokens && kind is SurfaceKind.Special or SurfaceKind.Sentinel))
        {
            return;
        }

        if (kind == SurfaceKind.Byte)
        {
            AppendBytes([(byte)text[0]], flush: false, output);
            return;
        }

        AppendBytes([], flush: true, output);
        if (kind == SurfaceKind.Text)
        {
            AppendText(text, output);
        }
        else
        {
            AppendSpecial(text, kind == SurfaceKind.Sentinel, output);
        }
    }

    internal void Flush(StringBuilder output) => AppendBytes([], flush: true, output);

    private void AppendBytes(ReadOnlySpan<byte> bytes, bool flush, StringBuilder output)
    {
        if (_utf8 is null && flush)
        {
            return;
        }

        _utf8 ??= Encoding.UTF8.GetDecoder();
        Span<char> characters = stackalloc char[8];
        var count = _utf8.GetChars(bytes, characters, flush);
        AppendText(characters[..count], output);
    }

    private void AppendText(ReadOnlySpan<char> text, StringBuilder output)
    {
        _inRun = true;
        if (!_runHasText)
        {
            text = text.TrimStart();
        }

        var body = text.TrimEnd();
        if (!body.IsEmpty)
        {
            output.Append(!_runHasText && Separates ? " " : "").Append(_held).Append(body);
            _held.Clear();
            _started = _runHasText = true;
            _afterSpecial = _afterSentinel = false;
        }

        // White space may turn out to be the end of the text, where it is trimmed.
        _held.Append(text[body.Length..]);
    }

    private bool Separates => _afterSpecial || _afterSentinel;

    private void AppendSpecial(string text, bool sentinel, StringBuilder output)
    {
        if (sentinel || _afterSentinel || (_inRun && _afterSpecial))
        {
            output.Append(_started ? " " : "");
        }
        else
        {
            output.Append(_held);
        }

        output.Append(text);
        _held.Clear();
        _started = true;
        _afterSpecial = !sentinel;
        _afterSentinel = sentinel;
        _inRun = _runHasText = false;
    }
}
