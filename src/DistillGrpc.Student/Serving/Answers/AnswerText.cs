using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>The text of an answer, as its tokens come: behind the forced prefix, and up to a stop text.</summary>
internal sealed class AnswerText
{
    private readonly ITokenDecoder _decoder;
    private readonly StopText _stop;

    public AnswerText(ITokenizer tokenizer, IReadOnlyList<int> prefix, IReadOnlyList<string> stops)
    {
        (_decoder, _stop) = (tokenizer.CreateDecoder(), new StopText(stops));
        Beginning = string.Concat(prefix.Select(_decoder.Append));
    }

    /// <summary>The text of the prefix.</summary>
    public string Beginning { get; }

    /// <summary>Tokens that belong to the text; that with which a stop text came is the last.</summary>
    public int Tokens { get; private set; }

    /// <summary>Whether a stop text has ended it.</summary>
    public bool IsStopped => _stop.IsStopped;

    /// <summary>What has become certain with one more token.</summary>
    public string Append(int token)
    {
        if (IsStopped)
        {
            return "";
        }

        Tokens++;
        return _stop.Append(_decoder.Append(token));
    }

    /// <summary>The rest, as no more tokens come.</summary>
    public string Flush()
    {
        var rest = IsStopped ? "" : _stop.Append(_decoder.Flush());
        return IsStopped ? rest : rest + _stop.Flush();
    }

    /// <summary>The whole text of some tokens.</summary>
    public static (string Text, int Tokens, bool IsStopped) Of(ITokenizer tokenizer, IReadOnlyList<int> prefix, IReadOnlyList<string> stops, IEnumerable<int> tokens)
    {
        var text = new AnswerText(tokenizer, prefix, stops);
        var all = text.Beginning + string.Concat(tokens.Select(text.Append)) + text.Flush();
        return (all, text.Tokens, text.IsStopped);
    }
}
