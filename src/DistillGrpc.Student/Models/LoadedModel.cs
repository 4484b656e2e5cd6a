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
        var card = ModelCard.Read(directory);
        var model = T5Checkpoint.Load(directory);
        var config = model.Config;
        var contradiction =
            tokenizer.VocabularySize > config.VocabularySize ? $"The tokenizer has {tokenizer.VocabularySize} ids, the model only {config.VocabularySize}."
            : tokenizer.EosId != config.EosId ? $"The tokenizer ends with id {tokenizer.EosId}, config.json says {config.EosId}."
            : tokenizer.PadId != config.PadId ? $"The tokenizer pads with id {tokenizer.PadId}, config.json says {config.PadId}."
            : null;
        if (contradiction is not null)
        {
            model.Dispose();
            throw new InvalidDataException(contradiction);
        }

        return new LoadedModel(model, tokenizer, card);
    }

    /// <summary>The task's prefix and the input as ids.</summary>
    public EncodedInput Encode(bool rationale, IReadOnlyList<string> segments) =>
        InputEncoder.Encode(tokenizer, rationale ? card.RationalePrefix : card.LabelPrefix, segments, card.MaxInputTokens);

    /// <summary>One answer to one input.</summary>
    public int[] Decode(int[] input, int maxTokens, Action<int>? onToken, Action? onEncoded, LikelyTokens? likely, CancellationToken cancellationToken)
    {
        using var scope = torch.NewDisposeScope();
        return GreedyDecoder.Decode(
            model, PaddedBatch.Pad([input], tokenizer.PadId), PaddedBatch.Mask([input]), maxTokens,
            onToken is null ? null : (_, token) => onToken(token), onEncoded, likely, cancellationToken: cancellationToken)[0];
    }

    public void Dispose() => model.Dispose();
}
