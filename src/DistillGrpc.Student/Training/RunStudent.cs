using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training;

/// <summary>A run's student as it begins, its rows, and all that trains it.</summary>
internal sealed class RunStudent : IDisposable
{
    private readonly RunTerms _terms;
    private readonly IOptimizer _optimizer;

    /// <summary>Makes it; the same spec and rows give the same one.</summary>
    /// <exception cref="Grpc.Core.RpcException">The rows cannot be learnt from, or the models do not fit.</exception>
    /// <param name="spec">The run.</param>
    /// <param name="rows">The rows that it begins with.</param>
    /// <param name="inputs">Further inputs that a vocabulary is built from.</param>
    /// <param name="sources">What it begins with besides.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    public RunStudent(RunSpec spec, IReadOnlyList<Example> rows, IReadOnlyList<string> inputs, RunSources sources, CancellationToken cancellationToken)
    {
        // The teacher reads what the student reads, so a student without a tokenizer of its own gets the teacher's.
        var tokenizer = (sources.Base ?? sources.Vocabulary ?? sources.Teacher) is { } folder
            ? TokenizerLoader.Load(folder)
            : UnigramTrainer.Train(RunRows.Texts(spec, rows).Concat(inputs), new UnigramTrainerOptions { VocabularySize = spec.VocabularySize }, cancellationToken);
        Rows = RunRows.Encode(spec, rows, tokenizer, cancellationToken);
        var teacher = sources.Teacher is null ? null : T5Checkpoint.Load(sources.Teacher);
        Model = new LoadedModel(Make(spec, sources, tokenizer, teacher), tokenizer, spec.Card);
        _terms = new RunTerms(spec, Model.Model.Config, Rows, teacher);
        Freeze(spec, Model.Model);
        var learnt = DistillationTrainer.LearntParameters(Model.Model, _terms.All);
        _optimizer = spec.UsesAdafactor
            ? new Adafactor(learnt, new AdafactorOptions { WeightDecay = spec.Source.WeightDecay })
            : new AdamW(learnt, weightDecay: spec.Source.WeightDecay);
        Trainer = new DistillationTrainer(Model.Model, _optimizer, spec.Weights, _terms.All);
    }

    public LoadedModel Model { get; }

    public RunRows Rows { get; }

    public DistillationTrainer Trainer { get; }

    public void Dispose()
    {
        Trainer.Dispose();
        _optimizer.Dispose();
        _terms.Dispose();
        Model.Dispose();
    }

    private static T5Model Make(RunSpec spec, RunSources sources, ITokenizer tokenizer, T5Model? teacher)
    {
        double? dropout = spec.Source.HasDropout ? spec.Source.Dropout : null;
        if (sources.Base is not null)
        {
            return T5Checkpoint.Load(sources.Base, dropout: dropout);
        }

        // A pretrained T5's embedding has a few ids more than its tokenizer.
        var config = T5Preset.Of(spec.Preset, teacher?.Config.VocabularySize ?? tokenizer.VocabularySize);
        return T5Model.Seeded(config with { Dropout = dropout ?? config.Dropout }, spec.Seed);
    }

    private static void Freeze(RunSpec spec, T5Model model)
    {
        try
        {
            FrozenParameters.Freeze(model, [.. spec.Source.FrozenParameters]);
        }
        catch (ArgumentException unknown)
        {
            throw RpcFailure.InvalidArgument("spec.frozen_parameters", unknown.Message.Split(" (Parameter", 2)[0]);
        }

        RpcFailure.Require(model.parameters().Any(parameter => parameter.requires_grad), "spec.frozen_parameters", "leaves nothing to learn");
    }
}
