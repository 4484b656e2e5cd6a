using System.Text;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>
/// The tokens of an answer with the likeliest others at each position. A token may be a part of a character: then its text is
/// empty, and the one that completes the character has all of it, so that the tokens together are the text.
/// </summary>
/// <param name="most">Most other tokens of a position; an endpoint may send more than it was asked for.</param>
internal sealed class TokenCollector(int most)
{
    private readonly List<TokenPosition> _positions = [];
    private readonly Decoder _decoder = Encoding.UTF8.GetDecoder();

    public IReadOnlyList<TokenPosition> Positions => _positions;

    /// <summary>Adds the next position.</summary>
    /// <param name="token">The token that was written.</param>
    /// <param name="utf8">Its bytes; empty where the endpoint gives none.</param>
    /// <param name="logProbability">Its log-probability.</param>
    /// <param name="top">The likeliest tokens, in any order, with or without the one that was written.</param>
    public void Add(string token, ReadOnlySpan<byte> utf8, double logProbability, IEnumerable<(string Token, double LogProbability)> top)
    {
        var position = new TokenPosition { Tokens = { Of(utf8.IsEmpty ? token : Decode(utf8), logProbability) } };
        position.Tokens.AddRange(top.Where(other => other.Token != token).OrderByDescending(other => other.LogProbability).Take(most).Select(other => Of(other.Token, other.LogProbability)));
        _positions.Add(position);
    }

    // No probability at all is not a number in every endpoint's JSON; it is in ours.
    private static TokenLogProbability Of(string token, double logProbability) => new() { Token = token, LogProbability = double.IsFinite(logProbability) ? Math.Min(0, logProbability) : -9999 };

    private string Decode(ReadOnlySpan<byte> utf8)
    {
        var characters = new char[_decoder.GetCharCount(utf8, flush: false)];
        return new string(characters, 0, _decoder.GetChars(utf8, characters, flush: false));
    }
}
