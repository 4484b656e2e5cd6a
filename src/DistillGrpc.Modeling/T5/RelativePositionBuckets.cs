namespace DistillGrpc.Modeling.T5;

/// <summary>
/// T5's relative position buckets: near distances have a bucket of their own, far ones share buckets whose
/// width grows with the logarithm of the distance, and everything beyond the maximum distance shares the last.
/// Follows <c>T5Attention._relative_position_bucket</c> of Hugging Face transformers, in float32 like it.
/// </summary>
public static class RelativePositionBuckets
{
    /// <summary>The bucket of one relative position.</summary>
    /// <param name="relativePosition">Key position minus query position.</param>
    /// <param name="bidirectional">True in the encoder (past and future have half the buckets each), false in the decoder.</param>
    /// <param name="bucketCount">Number of buckets; T5 has 32.</param>
    /// <param name="maxDistance">Distance from which on all share the last bucket; T5 has 128.</param>
    /// <returns>A bucket in <c>[0, bucketCount)</c>.</returns>
    public static int Of(int relativePosition, bool bidirectional, int bucketCount, int maxDistance)
    {
        var offset = 0;
        var distance = -relativePosition;
        if (bidirectional)
        {
            bucketCount /= 2;
            offset = relativePosition > 0 ? bucketCount : 0;
            distance = Math.Abs(relativePosition);
        }

        distance = Math.Max(distance, 0);
        var exact = bucketCount / 2;
        if (distance < exact)
        {
            return offset + distance;
        }

        var ratio = MathF.Log((float)distance / exact) / (float)Math.Log((double)maxDistance / exact);
        return offset + Math.Min(exact + (int)(ratio * (bucketCount - exact)), bucketCount - 1);
    }
}
