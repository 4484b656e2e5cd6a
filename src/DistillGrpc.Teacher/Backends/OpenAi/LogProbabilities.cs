using System.Text.Json;
using static DistillGrpc.Teacher.Backends.OpenAi.LenientJson;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>The log-probabilities that a choice has beside its text, in the layout of chat completions or of the older completions, which servers mix.</summary>
internal static class LogProbabilities
{
    /// <summary>Adds the tokens of the choice.</summary>
    /// <param name="given">The choice's <c>logprobs</c>; undefined where it has none.</param>
    /// <param name="tokens">Takes them.</param>
    public static void AddTo(TokenCollector tokens, JsonElement given)
    {
        if (Of(given, "content") is { ValueKind: JsonValueKind.Array } content)
        {
            foreach (var position in content.EnumerateArray())
            {
                var bytes = Of(position, "bytes") is { ValueKind: JsonValueKind.Array } utf8 ? utf8.EnumerateArray().Select(value => value.GetByte()).ToArray() : [];
                tokens.Add(TextOf(position, "token") ?? "", bytes, Probability(Of(position, "logprob")), Top(Of(position, "top_logprobs")));
            }
        }
        else if (Of(given, "tokens") is { ValueKind: JsonValueKind.Array } written)
        {
            for (var i = 0; i < written.GetArrayLength(); i++)
            {
                tokens.Add(written[i].GetString() ?? "", [], Probability(At(Of(given, "token_logprobs"), i)), Top(At(Of(given, "top_logprobs"), i)));
            }
        }
    }

    private static IEnumerable<(string Token, double LogProbability)> Top(JsonElement top) => top.ValueKind switch
    {
        JsonValueKind.Object => top.EnumerateObject().Select(other => (other.Name, Probability(other.Value))),
        JsonValueKind.Array => top.EnumerateArray().Select(other => (TextOf(other, "token") ?? "", Probability(Of(other, "logprob")))),
        _ => [],
    };

    private static double Probability(JsonElement element) => Number(element, none: double.NegativeInfinity);
}
