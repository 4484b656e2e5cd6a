using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Student.Serving.Requests;

namespace DistillGrpc.Student.Models;

/// <summary>A student that answers: its engine, used by one thread at a time, and what it is asked with, by any.</summary>
internal sealed record ServingModel(IT5Engine Engine, ITokenizer Tokenizer, ModelCard Card, long Parameters)
{
    /// <summary>What it is asked with.</summary>
    public TaskPrompts Prompts { get; } = new(Tokenizer, Card);

    /// <summary>The labels that answers were to be one of.</summary>
    public CandidateSets Candidates { get; } = new(Tokenizer);

    /// <summary>Why it does not answer in int8; empty where it does.</summary>
    public string Int8Refusal { get; private init; } = "";

    /// <summary>How far its probabilities can be trusted; null where nobody has looked.</summary>
    public Calibration? Calibration { get; init; }

    /// <summary>Reads a version as the operator has it answer: in int8 where that is insisted on, or the version's check has passed.</summary>
    /// <inheritdoc cref="Load(string, EngineOptions)"/>
    public static ServingModel Load(string directory, StudentOptions options) => Load(directory, options, options.ServingThreads);

    /// <summary>The same, with other threads.</summary>
    /// <inheritdoc cref="Load(string, EngineOptions)"/>
    public static ServingModel Load(string directory, StudentOptions options, int threads)
    {
        var refusal = Int8Guard.Refusal(options.Precision, Int8Record.Of(directory));
        var model = Load(directory, options.Engines(refusal.Length == 0 ? Precision.Int8 : Precision.Float32) with { Threads = threads });
        return model with { Int8Refusal = model.Engine is TorchEngine ? "libtorch answers, in float32" : refusal };
    }

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

        return new ServingModel(engine, tokenizer, card, parameters) { Calibration = CalibrationRecord.Of(directory) };
    }
}
