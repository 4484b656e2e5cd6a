using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;

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
        if (Contradiction(tokenizer, model.Config) is { } contradiction)
        {
            model.Dispose();
            throw new InvalidDataException(contradiction);
        }

        return new LoadedModel(model, tokenizer, card);
    }

    /// <summary>Why a tokenizer cannot be a model's, or null.</summary>
    public static string? Contradiction(ITokenizer tokenizer, T5Config config) =>
        tokenizer.VocabularySize > config.VocabularySize ? $"The tokenizer has {tokenizer.VocabularySize} ids, the model only {config.VocabularySize}."
        : tokenizer.EosId != config.EosId ? $"The tokenizer ends with id {tokenizer.EosId}, config.json says {config.EosId}."
        : tokenizer.PadId != config.PadId ? $"The tokenizer pads with id {tokenizer.PadId}, config.json says {config.PadId}."
        : null;

    /// <summary>What it is asked with.</summary>
    public TaskPrompts Prompts { get; } = new(tokenizer, card);

    /// <summary>The same as it answers, in evaluation mode from now on; its engine is the caller's to dispose, the model is not.</summary>
    public ServingModel Answering() => new(new TorchEngine(model, ownsModel: false), tokenizer, card, Parameters);

    public void Dispose() => model.Dispose();
}
