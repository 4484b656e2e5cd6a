namespace DistillGrpc.Benchmarks.Serving;

/// <summary>A cell's medians over the rounds.</summary>
/// <param name="Cell">What was measured.</param>
/// <param name="Ours">Through gRPC.</param>
/// <param name="Peer">Of the peer; null where it is not there.</param>
/// <param name="RequestRatio">How many times as fast ours is: the median of the rounds' ratios.</param>
/// <param name="FirstTokenRatio">The same of the first token.</param>
/// <param name="Rounds">Rounds.</param>
internal sealed record ServingFigures(ServingCell Cell, ServingTimes Ours, ServingTimes? Peer, double? RequestRatio, double? FirstTokenRatio, int Rounds)
{
    public static ServingFigures Of(ServingCell cell, IReadOnlyList<(ServingTimes Ours, ServingTimes? Peer)> rounds)
    {
        (ServingTimes Ours, ServingTimes Peer)[] pairs = [.. from round in rounds where round.Peer is not null select (round.Ours, round.Peer)];
        return new ServingFigures(
            cell,
            Medians(rounds.Select(round => round.Ours)),
            pairs.Length == 0 ? null : Medians(pairs.Select(pair => pair.Peer)),
            pairs.Length == 0 ? null : Median(pairs.Select(pair => pair.Peer.RequestMs / pair.Ours.RequestMs)),
            pairs.Length == 0 ? null : Median(pairs.Select(pair => pair.Peer.FirstTokenMs / pair.Ours.FirstTokenMs)),
            rounds.Count);
    }

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static ServingTimes Medians(IEnumerable<ServingTimes> times)
    {
        var all = times.ToArray();
        return new ServingTimes(Median(all.Select(one => one.RequestMs)), Median(all.Select(one => one.FirstTokenMs)));
    }
}
