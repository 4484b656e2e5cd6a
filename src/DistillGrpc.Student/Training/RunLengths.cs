using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Training;

/// <summary>How long the rows of a run are before any cut, in tokens.</summary>
internal sealed class RunLengths
{
    private readonly List<int> _lengths = [];

    public void Add(int tokens) => _lengths.Add(tokens);

    /// <summary>The median, the 95th percentile and the longest; null without any.</summary>
    public TokenLengths? Summarize()
    {
        if (_lengths.Count == 0)
        {
            return null;
        }

        int[] sorted = [.. _lengths.Order()];
        int At(double share) => sorted[(int)Math.Ceiling(share * sorted.Length) - 1];
        return new TokenLengths { Median = At(0.5), P95 = At(0.95), Longest = sorted[^1] };
    }
}
