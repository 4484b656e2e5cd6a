using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.T5;

/// <summary>T5's initial deviations, made for Adafactor's parameter-scaled steps, as Hugging Face's <c>T5PreTrainedModel._init_weights</c> has them.</summary>
internal static class T5Initialization
{
    public static void Apply(T5Model model)
    {
        using var noGradient = no_grad();
        Scalar factor = model.Config.InitializerFactor;
        foreach (var (name, parameter) in model.named_parameters())
        {
            if (name.EndsWith("layer_norm.weight", StringComparison.Ordinal))
            {
                nn.init.constant_(parameter, factor);
            }
            else
            {
                nn.init.normal_(parameter, 0, model.Config.InitializerFactor * Deviation(name, model.Config));
            }
        }

        GC.KeepAlive(factor);
    }

    private static double Deviation(string name, T5Config config) => name.Split('.')[^2] switch
    {
        "shared" or "lm_head" => 1,
        "q" => Math.Pow((double)config.ModelSize * config.HeadSize, -0.5),
        "o" => Math.Pow((double)config.Heads * config.HeadSize, -0.5),
        "wo" => Math.Pow(config.FeedForwardSize, -0.5),
        _ => Math.Pow(config.ModelSize, -0.5), // k, v, wi, wi_0, wi_1, relative_attention_bias
    };
}
