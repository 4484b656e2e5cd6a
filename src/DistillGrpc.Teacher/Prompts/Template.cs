using System.Text;

namespace DistillGrpc.Teacher.Prompts;

/// <summary>
/// A text with named slots, <c>{name}</c>; <c>{{</c> and <c>}}</c> are braces. What fills a slot is copied as it is and never
/// read again, so nothing in it can name a slot.
/// </summary>
internal sealed class Template
{
    private readonly List<(bool IsSlot, string Text)> _parts = [];

    private Template()
    {
    }

    /// <summary>The slots, each once.</summary>
    public IEnumerable<string> Slots => _parts.Where(part => part.IsSlot).Select(part => part.Text).Distinct();

    /// <summary>Reads a template.</summary>
    /// <exception cref="ArgumentException">A brace is not closed or not opened.</exception>
    public static Template Parse(string text)
    {
        var (template, literal) = (new Template(), new StringBuilder());
        for (var i = 0; i < text.Length; i++)
        {
            if (text[i] is '{' or '}' && i + 1 < text.Length && text[i + 1] == text[i])
            {
                literal.Append(text[i++]);
            }
            else if (text[i] == '{')
            {
                var end = text.IndexOf('}', i);
                var name = end < 0 ? "" : text[(i + 1)..end];
                if (name.Length == 0 || !name.All(char.IsAsciiLetterOrDigit))
                {
                    throw new ArgumentException($"at character {i + 1}: a slot is a name in braces; write {{{{ for a brace");
                }

                template._parts.Add((false, literal.ToString()));
                template._parts.Add((true, name));
                literal.Clear();
                i = end;
            }
            else
            {
                literal.Append(text[i] != '}' ? text[i] : throw new ArgumentException($"at character {i + 1}: a brace that opens nothing; write }}}} for a brace"));
            }
        }

        template._parts.Add((false, literal.ToString()));
        return template;
    }

    /// <summary>Fills the slots.</summary>
    /// <param name="fill">Gives what a slot holds.</param>
    public string Render(Func<string, string> fill) => string.Concat(_parts.Select(part => part.IsSlot ? fill(part.Text) : part.Text));
}
