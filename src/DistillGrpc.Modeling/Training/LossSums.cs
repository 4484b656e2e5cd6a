using DistillGrpc.Modeling.T5;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>A step's losses, added up over its micro-batches.</summary>
internal sealed class LossSums
{
    private readonly Dictionary<string, double> _losses = [];
    private double _sum;

    /// <summary>The weighted sum of one micro-batch's losses, a scalar in the caller's scope.</summary>
    public Tensor Add(IEnumerable<TermLoss> losses)
    {
        Tensor? sum = null;
        foreach (var (name, weight, loss) in losses)
        {
            using Scalar factor = weight;
            var weighted = loss * factor;
            sum = sum?.add(weighted, Scalars.One) ?? weighted;
            _losses[name] = _losses.GetValueOrDefault(name) + loss.item<float>();
        }

        _sum += sum!.item<float>();
        return sum;
    }

    public StepOutcome Outcome(double gradientNorm) => new(_losses, _sum, gradientNorm);
}
