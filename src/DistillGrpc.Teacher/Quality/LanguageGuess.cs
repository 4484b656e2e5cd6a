using System.Text;

namespace DistillGrpc.Teacher.Quality;

/// <summary>
/// Whether a text is in a language, by its most frequent words, or in a script. Meant for the common failure, a model that
/// answers in another language than it was asked in; too short a text is in any.
/// </summary>
internal static class LanguageGuess
{
    private const int FewestWords = 6;

    // The words that make up a fifth to a third of any text.
    private static readonly Dictionary<string, HashSet<string>> Frequent = new(StringComparer.Ordinal)
    {
        ["en"] = Set("the of and to in is that it was for on are as with his they be at one have this from by not but what all were when we there can an which their if do will each how them then so these some her would make has two more who"),
        ["de"] = Set("der die das und in den von zu mit sich des auf für ist im dem nicht ein eine als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über einen so zum war haben nur oder aber vor zur bis mehr durch man weil"),
        ["fr"] = Set("de la le et les des en un du une que est pour qui dans a par plus pas au sur ne se ce il sont la avec son cette ou ses mais comme on tout nous sa elle deux même été aussi leur bien peut ces ont fait donc parce"),
        ["es"] = Set("de la que el en y a los del se las por un para con no una su al lo como más pero sus le ya o este sí porque esta entre cuando muy sin sobre también me hasta hay donde quien desde todo nos durante uno ni contra otros ese eso es son"),
        ["it"] = Set("di e il la che in a per un del è non una con si da sono le dei nel al come più della ma ha i alla o anche questo lo gli su se delle ci loro perché essere dal era quando tra degli cui molto due già nella"),
        ["pt"] = Set("de a o que e do da em um para é com não uma os no se na por mais as dos como mas foi ao ele das tem à seu sua ou ser quando muito há nos já está eu também só pelo pela até isso ela entre era depois sem mesmo aos porque são"),
        ["nl"] = Set("de van het een en in is dat op te zijn met voor niet aan er om ook als bij of uit dan maar naar heeft hij ze door over wordt die deze nog wel meer was worden kan geen tot al moet zich omdat"),
    };

    private static readonly Dictionary<string, (int From, int To)[]> Scripts = new(StringComparer.Ordinal)
    {
        ["Latn"] = [(0x41, 0x24F), (0x1E00, 0x1EFF)],
        ["Cyrl"] = [(0x400, 0x52F)],
        ["Grek"] = [(0x370, 0x3FF), (0x1F00, 0x1FFF)],
        ["Arab"] = [(0x600, 0x6FF), (0x750, 0x77F)],
        ["Hebr"] = [(0x590, 0x5FF)],
        ["Deva"] = [(0x900, 0x97F)],
        ["Hani"] = [(0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0x20000, 0x2FFFF)],
        ["Jpan"] = [(0x3040, 0x30FF), (0x3400, 0x4DBF), (0x4E00, 0x9FFF)],
        ["Hang"] = [(0xAC00, 0xD7AF), (0x1100, 0x11FF)],
        ["Thai"] = [(0xE00, 0xE7F)],
    };

    /// <summary>The codes that are known.</summary>
    public static IEnumerable<string> Known => Frequent.Keys.Concat(Scripts.Keys);

    /// <summary>Whether the text may be in the language or script; also true where it is too short to tell.</summary>
    public static bool IsIn(string text, string code) => Scripts.TryGetValue(code, out var ranges) ? IsInScript(text, ranges) : IsInLanguage(Words.Of(text), code);

    private static bool IsInLanguage(List<string> words, string code)
    {
        if (words.Count(word => char.IsLetter(word[0])) < FewestWords)
        {
            return true;
        }

        var best = Frequent.Max(language => Hits(words, language.Value));
        return Hits(words, Frequent[code]) == best && (best > 0 || IsInScript(string.Concat(words), Scripts["Latn"]));
    }

    private static bool IsInScript(string text, (int From, int To)[] ranges)
    {
        var letters = text.EnumerateRunes().Where(Rune.IsLetter).ToArray();
        return letters.Length == 0 || letters.Count(letter => ranges.Any(range => letter.Value >= range.From && letter.Value <= range.To)) * 2 > letters.Length;
    }

    private static int Hits(List<string> words, HashSet<string> frequent) => words.Count(frequent.Contains);

    private static HashSet<string> Set(string words) => [.. words.Split(' ')];
}
