namespace DistillGrpc.Modeling.Training;

/// <summary>Orders in which nothing stays where it was: what shuffled rationales are made with.</summary>
public static class Derangement
{
    /// <summary>A permutation of one single cycle (Sattolo's algorithm), so without fixed points.</summary>
    /// <param name="count">At least 2: one thing has nowhere to go.</param>
    /// <param name="seed">Equal seeds give equal orders.</param>
    /// <returns>For every place the place whose content it gets.</returns>
    public static int[] Of(int count, int seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 2);
        var random = new Random(seed);
        var order = Enumerable.Range(0, count).ToArray();
        for (var i = count - 1; i > 0; i--)
        {
            var other = random.Next(i);
            (order[i], order[other]) = (order[other], order[i]);
        }

        return order;
    }
}
