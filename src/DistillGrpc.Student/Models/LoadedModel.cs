using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Modeling.Training;
using TorchSharp;

namespace DistillGrpc.Student.Models;

/// <summary>A student in memory. Used by one thread at a time.</summary>
internal sealed class LoadedModel(T5Model model, ITokenizer tokenizer, ModelCard card) : IDisposable
{
    public T5Model Model => model;

    public ITokenizer Tokenizer => tokenizer;

    public ModelCard Card => card;

    public long Parameters { get; } = model.parameters().Sum(parameter => parameter.numel());

    /// <summary>Reads a folder in Hugging Face layout.</summary>
    /// <exception cref="InvalidDataException">A file is missing or damaged.</exception>
    public static LoadedModel Load(string directory)
    {
        var tokenizer = TokenizerLoader.Load(directory);
        var model = T5Checkpoint.Load(directory);
        if (tokenizer.VocabularySize > model.Config.VocabularySize)
        {
            model.Dispose();
            throw new InvalidDataException($"The tokenizer has {tokenizer.VocabularySize} ids, the model only {model.Config.VocabularySize}.");
        }

        return new LoadedModel(model, tokenizer, ModelCard.Read(directory));
    }

    /// <summary>The task's prefix and the input as ids.</summary>
    public EncodedInput Encode(bool rationale, IReadOnlyList<string> segments) =>
        InputEncoder.Encode(tokenizer, rationale ? card.RationalePrefix : card.LabelPrefix, segments, card.MaxInputTokens);

    /// <summary>One answer to one input.</summary>
    public int[] Decode(int[] input, int maxTokens, Action<int>? onToken, Action? onEncoded, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        return GreedyDecoder.Decode(
            model, PaddedBatch.Pad([input], tokenizer.PadId), PaddedBatch.Mask([input]), maxTokens,
            onToken is null ? null : (_, token) => onToken(token), onEncoded, cancellationToken)[0];
    }

    public void Dispose() => model.Dispose();
}
