using System.Buffers;

namespace DistillGrpc.Modeling.Decoding;

/// <summary>Chooses a token by chance: temperature, top-k, top-p, min-p, in Hugging Face's order.</summary>
internal static class TokenSampler
{
    /// <summary>Draws one.</summary>
    /// <param name="scores">Logits, negative infinity where banned; what is left in them means nothing.</param>
    /// <param name="options">Temperature above 0, and the filters.</param>
    /// <param name="random">Gives one number.</param>
    /// <returns>Where it is; -1 if everything is banned.</returns>
    public static int Draw(Span<float> scores, DecodingOptions options, ref SeededRandom random)
    {
        var max = LogitMath.Max(scores);
        if (float.IsNegativeInfinity(max))
        {
            return -1;
        }

        var sum = Weigh(scores, max, options.Temperature);
        if (options.TopK > 0 && options.TopK < scores.Length)
        {
            sum = CutBelow(scores, KthLargest(scores, options.TopK));
        }

        if (options.TopP < 1)
        {
            sum = KeepMass(scores, options.TopP, sum);
        }

        if (options.MinP > 0)
        {
            // The likeliest weighs 1.
            sum = CutBelow(scores, (float)options.MinP);
        }

        return At(scores, random.NextDouble() * sum);
    }

    private static double Weigh(Span<float> scores, float max, double temperature)
    {
        var sum = 0.0;
        for (var i = 0; i < scores.Length; i++)
        {
            scores[i] = (float)Math.Exp((scores[i] - max) / temperature);
            sum += scores[i];
        }

        return sum;
    }

    private static double CutBelow(Span<float> weights, float least)
    {
        var sum = 0.0;
        for (var i = 0; i < weights.Length; i++)
        {
            weights[i] = weights[i] < least ? 0 : weights[i];
            sum += weights[i];
        }

        return sum;
    }

    private static float KthLargest(ReadOnlySpan<float> weights, int k)
    {
        var rented = ArrayPool<float>.Shared.Rent(weights.Length);
        var values = rented.AsSpan(0, weights.Length);
        weights.CopyTo(values);
        // Quickselect: the k-th largest is between low and high.
        for (var (low, high) = (0, values.Length - 1); low < high;)
        {
            var (pivot, left, right) = (values[low + ((high - low) / 2)], low, high);
            while (left <= right)
            {
                while (values[left] > pivot)
                {
                    left++;
                }

                while (values[right] < pivot)
                {
                    right--;
                }

                if (left <= right)
                {
                    (values[left], values[right]) = (values[right], values[left]);
                    (left, right) = (left + 1, right - 1);
                }
            }

            (low, high) = k - 1 <= right ? (low, right) : k - 1 >= left ? (left, high) : (k - 1, k - 1);
        }

        var kth = values[k - 1];
        ArrayPool<float>.Shared.Return(rented);
        return kth;
    }

    // The likeliest, and the next as long as those before it have less than the mass.
    private static double KeepMass(Span<float> weights, double mass, double sum)
    {
        var (keys, places) = (ArrayPool<float>.Shared.Rent(weights.Length), ArrayPool<int>.Shared.Rent(weights.Length));
        // Lighter ones have all together less than what may be cut, so they need no sorting.
        var light = (1 - mass) * sum / weights.Length;
        var (count, before) = (0, 0.0);
        for (var i = 0; i < weights.Length; i++)
        {
            if (weights[i] >= light && weights[i] > 0)
            {
                // Ascending negatives: descending weights.
                (keys[count], places[count++]) = (-weights[i], i);
            }

            weights[i] = 0;
        }

        keys.AsSpan(0, count).Sort(places.AsSpan(0, count));
        for (var i = 0; i < count && (i == 0 || before < mass * sum); i++)
        {
            weights[places[i]] = -keys[i];
            before -= keys[i];
        }

        ArrayPool<float>.Shared.Return(keys);
        ArrayPool<int>.Shared.Return(places);
        return before;
    }

    private static int At(ReadOnlySpan<float> weights, double point)
    {
        var last = -1;
        for (var i = 0; i < weights.Length; i++)
        {
            if (weights[i] > 0)
            {
                last = i;
                point -= weights[i];
                if (point < 0)
                {
                    break;
                }
            }
        }

        return last;
    }
}
