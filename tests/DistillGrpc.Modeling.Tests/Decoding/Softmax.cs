namespace DistillGrpc.Modeling.Tests.Decoding;

/// <summary>Probabilities in double precision, for comparison.</summary>
internal static class Softmax
{
    public static double[] Of(IEnumerable<float> logits, double temperature = 1)
    {
        var scaled = logits.Select(logit => logit / temperature).ToArray();
        var weights = scaled.Select(logit => Math.Exp(logit - scaled.Max())).ToArray();
        return Array.ConvertAll(weights, weight => weight / weights.Sum());
    }

    public static double[] Log(IEnumerable<float> logits) => Array.ConvertAll(Of(logits), Math.Log);
}
