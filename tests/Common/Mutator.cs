using System.Text;
using System.Text.RegularExpressions;

namespace DistillGrpc.Tests;

/// <summary>Damages bytes and texts: the same seed damages the same in the same order, so that what a test finds can be found again.</summary>
internal sealed partial class Mutator(int seed)
{
    private static readonly byte[] Bytes = [0, 1, 0x7F, 0x80, 0xC3, 0xED, 0xFF, (byte)'"', (byte)'{', (byte)'['];
    private static readonly long[] Numbers = [0, 1, -1, int.MaxValue, int.MinValue, long.MaxValue, long.MinValue, 1L << 32];

    private static readonly string[] Values =
    [
        "null", "true", "false", "0", "-1", "1.5", "1e999", "-1e999", "2147483647", "2147483648", "-2147483648", "9223372036854775807", "99999999999999999999999", "\"\"", "\"\\ud800\"", "\"\\u0000\"",
        "\"text\"", "[]", "{}", "[[]]", "[null]", "{\"a\":{}}", "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]",
    ];

    private static readonly string[] Pieces =
    [
        "", " ", "\t\n", "\0", "\uD83D", "\uDE00", "\u202E", "e\u0301", "\uD83D\uDC69\u200D\uD83D\uDD2C", "</s>", "<pad>", "<unk>", "<extra_id_0>", "[label]", "\u2581", "\uFFFD", "/", "..", "@", "models/", "predictions/", "0",
        "99999999999", "\r\n", "a", "\u0430",
    ];

    private readonly Random _random = new(seed);

    /// <summary>A number of 0 or more, and less than another.</summary>
    public int Next(int below) => _random.Next(below);

    /// <summary>Damages bytes in one to four places, or cuts them.</summary>
    public byte[] Damage(ReadOnlySpan<byte> whole)
    {
        var bytes = new List<byte>(whole.ToArray());
        for (var times = 1 + Next(4); times > 0 && bytes.Count > 0; times--)
        {
            var at = Next(bytes.Count);
            switch (Next(7))
            {
                case 0:
                    bytes[at] ^= (byte)(1 << Next(8));
                    break;
                case 1:
                    bytes[at] = Bytes[Next(Bytes.Length)];
                    break;
                case 2:
                    bytes.RemoveRange(at, Math.Min(1 + Next(16), bytes.Count - at));
                    break;
                case 3:
                    bytes.InsertRange(at, bytes.GetRange(at, Math.Min(1 + Next(32), bytes.Count - at)));
                    break;
                case 4:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 5:
                    bytes.Insert(at, (byte)Next(256));
                    break;
                default:
                    Overwrite(bytes, at, BitConverter.GetBytes(Numbers[Next(Numbers.Length)]).AsSpan(0, Next(2) == 0 ? 4 : 8));
                    break;
            }
        }

        return [.. bytes];
    }

    /// <summary>Damages JSON: most of the time it is JSON still, and says something absurd.</summary>
    public byte[] DamageJson(string whole)
    {
        if (Next(4) == 0)
        {
            return Damage(Encoding.UTF8.GetBytes(whole));
        }

        var tokens = Token().Matches(whole);
        var text = whole;
        // From the end, so that what comes before stays where it is.
        foreach (var at in Enumerable.Range(0, 1 + Next(3)).Select(_ => Next(tokens.Count)).Distinct().OrderDescending())
        {
            text = string.Concat(text.AsSpan(0, tokens[at].Index), Next(8) == 0 ? "" : Values[Next(Values.Length)], text.AsSpan(tokens[at].Index + tokens[at].Length));
        }

        return Encoding.UTF8.GetBytes(text);
    }

    /// <summary>Damages a text, or makes one up.</summary>
    public string Damage(string whole)
    {
        var text = new StringBuilder(Next(3) == 0 ? "" : whole);
        for (var times = 1 + Next(4); times > 0; times--)
        {
            var at = Next(text.Length + 1);
            if (Next(3) == 0)
            {
                text.Remove(at, Math.Min(Next(4), text.Length - at));
            }
            else
            {
                text.Insert(at, Pieces[Next(Pieces.Length)]);
            }
        }

        return text.ToString();
    }

    private static void Overwrite(List<byte> bytes, int at, ReadOnlySpan<byte> with)
    {
        for (var i = 0; i < with.Length && at + i < bytes.Count; i++)
        {
            bytes[at + i] = with[i];
        }
    }

    // Names and values, a text as a whole.
    [GeneratedRegex("""
        "(?:[^"\\]|\\.)*"|-?[0-9]+(?:\.[0-9]+)?|true|false|null
        """, RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Token();
}
