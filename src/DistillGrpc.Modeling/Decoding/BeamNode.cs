namespace DistillGrpc.Modeling.Decoding;

/// <summary>A token of beam search, and the tokens before it, which other beams may share.</summary>
internal sealed record BeamNode(BeamNode? Before, int Length, int Token, float LogProbability, LikelyToken[]? Top)
{
    // Of a beam's last token, or null before the first.
    public static int LengthOf(BeamNode? node) => node?.Length ?? 0;

    public static T[] ToArray<T>(BeamNode? last, Func<BeamNode, T> part)
    {
        var parts = new T[LengthOf(last)];
        for (var node = last; node is not null; node = node.Before)
        {
            parts[node.Length - 1] = part(node);
        }

        return parts;
    }
}
