using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Tokenizers;

namespace DistillGrpc.Student.Models;

/// <summary>A student that answers: its engine, used by one thread at a time, and what it is asked with, by any.</summary>
internal sealed record ServingModel(IT5Engine Engine, ITokenizer Tokenizer, ModelCard Card, long Parameters)
{
    /// <summary>What it is asked with.</summary>
    public TaskPrompts Prompts { get; } = new(Tokenizer, Card);

    /// <summary>Reads a folder in Hugging Face layout. The engine belongs to the thread that calls.</summary>
    /// <exception cref="InvalidDataException">A file is missing or damaged.</exception>
    public static ServingModel Load(string directory, EngineOptions options)
    {
        var tokenizer = TokenizerLoader.Load(directory);
        var card = ModelCard.Read(directory);
        var (engine, parameters) = EngineFactory.Load(directory, options);
        if (LoadedModel.Contradiction(tokenizer, engine.Config) is { } contradiction)
        {
            engine.Dispose();
            throw new InvalidDataException(contradiction);
        }

        return new ServingModel(engine, tokenizer, card, parameters);
    }
}
