using System.Text;
using Microsoft.Extensions.AI;

namespace DistillGrpc.Teacher.Prompts;

/// <summary>
/// A conversation as one text for a model that goes on with it. A turn begins with <c>Q: </c> or <c>A: </c> at the beginning of
/// a line, and nothing else does: every further line of a turn is indented, whatever ends the line before, so that no input
/// begins another turn. Exemplars look the same. What a server makes of special tokens such as <c>&lt;/s&gt;</c> in a text is
/// the server's own affair, here as in a chat.
/// </summary>
internal static class CompletionText
{
    /// <summary>Where a model begins to ask itself: here it is stopped.</summary>
    public const string NextQuestion = "\nQ:";

    private const string Indent = "  ";

    /// <summary>The text; it ends where the model's answer begins.</summary>
    public static string Of(IReadOnlyList<ChatMessage> turns)
    {
        var text = new StringBuilder();
        foreach (var turn in turns)
        {
            if (turn.Role == ChatRole.System)
            {
                text.Append(turn.Text).Append("\n\n");
            }
            else
            {
                AddIndented(text.Append(turn.Role == ChatRole.User ? "Q: " : "A: "), turn.Text);
                text.Append(turn.Role == ChatRole.User ? "\n" : "\n\n");
            }
        }

        // Without a space: it belongs to the first word's token.
        return text.Append("A:").ToString();
    }

    private static void AddIndented(StringBuilder text, string turn)
    {
        for (var i = 0; i < turn.Length; i++)
        {
            var isEnd = turn[i] is '\n' or '\r' or '\v' or '\f' or '\u0085' or '\u2028' or '\u2029';
            text.Append(isEnd ? '\n' : turn[i]).Append(isEnd ? Indent : "");
            i += turn[i] == '\r' && i + 1 < turn.Length && turn[i + 1] == '\n' ? 1 : 0;
        }
    }
}
