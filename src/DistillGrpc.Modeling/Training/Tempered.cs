using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// Soft labels at a temperature T (Hinton et al. 2015): T^2 * KL(p^(1/T) / Z || softmax(z / T)). The factor keeps gradients as
/// large as at temperature 1.
/// </summary>
internal sealed class Tempered
{
    private readonly double _temperature;
    private readonly TorchSharp.Scalar _inverse;

    public Tempered(double temperature)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(temperature);
        (_temperature, _inverse) = (temperature, 1 / temperature);
    }

    public double Square => _temperature * _temperature;

    /// <summary>Logits, or log-probabilities up to a constant, (N, V) to log-probabilities at the temperature.</summary>
    public Tensor LogSoftmax(Tensor logits) => (logits * _inverse).log_softmax(1);

    /// <summary>Probabilities at temperature 1 to those at the temperature; they add up to 1 whatever came in.</summary>
    /// <exception cref="ArgumentException">One is negative or none is positive.</exception>
    public double[] Of(IEnumerable<float> probabilities)
    {
        var powers = probabilities.Select(p => p >= 0 ? Math.Pow(p, 1 / _temperature) : double.NaN).ToArray();
        var sum = powers.Sum();
        return sum > 0 && double.IsFinite(sum)
            ? Array.ConvertAll(powers, power => power / sum)
            : throw new ArgumentException("A soft label has a probability that is negative or not a number, or none that is positive.");
    }

    /// <summary>Sum of p log p, which the divergence has over the cross-entropy.</summary>
    public static double NegativeEntropy(IEnumerable<double> probabilities) => probabilities.Sum(p => p > 0 ? p * Math.Log(p) : 0);
}
