using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Cli.Bench;

/// <summary>
/// Random weights that never end an answer, and give text with every token: the logits of the end-of-sequence token, and of the others that are no words, are
/// always 0, and of tens of thousands of words some have more.
/// </summary>
internal static class EndlessModel
{
    /// <summary>Draws the weights.</summary>
    public static T5Model Of(T5Config config, int seed)
    {
        var model = T5Model.Seeded(config, seed);
        using var scope = NewDisposeScope();
        using var none = no_grad();
        // Of a head that is the embedding, too, that is all: what such a token is read as does not matter.
        var head = model.named_parameters().Single(parameter => parameter.name == (config.TiedHead ? "shared.weight" : "lm_head.weight")).parameter;
        head.narrow(0, 0, BenchVocabulary.FirstWord).zero_();
        head.narrow(0, BenchVocabulary.EndOfWords, config.VocabularySize - BenchVocabulary.EndOfWords).zero_();
        model.eval();
        return model;
    }
}
