using System.Diagnostics;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Scoring;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tokenizers;
using DistillGrpc.Modeling.Training;
using DistillGrpc.Student.Models;
using Google.Protobuf.WellKnownTypes;
using TorchSharp;

namespace DistillGrpc.Student.Training;

/// <summary>One run on its own thread, from rows to a folder in Hugging Face layout.</summary>
internal sealed class TrainingRun(
    RunSpec spec, IReadOnlyList<Example> rows, IReadOnlyList<Example> heldOut, string? baseDirectory, string checkpoints, Action<TrainingEvent> report, Func<bool> isSuspended, CancellationToken cancellationToken)
{
    private const int EvaluationBatch = 32;
    private static readonly TimeSpan ReportInterval = TimeSpan.FromMilliseconds(250);

    private readonly RunClock _clock = new();

    /// <summary>Trains, evaluates and writes the student into a folder.</summary>
    /// <exception cref="Grpc.Core.RpcException">The rows cannot be learnt from.</exception>
    public TrainingResult Run(string directory, int threads)
    {
        FreedMemory.Keep();
        torch.set_num_threads(threads);
        using var dropout = new torch.Generator(unchecked((ulong)spec.Seed));
        T5Dropout.Generator = dropout;
        var tokenizer = baseDirectory is null
            ? UnigramTrainer.Train(RunRows.Texts(spec, rows), new UnigramTrainerOptions { VocabularySize = spec.VocabularySize }, cancellationToken)
            : TokenizerLoader.Load(baseDirectory);
        var encoded = RunRows.Encode(spec, rows, tokenizer, cancellationToken);
        if (encoded.Labels.Count == 0)
        {
            throw RpcFailure.InvalidArgument("example.label", "no row has a label of the chosen source");
        }

        using var model = new LoadedModel(MakeModel(tokenizer), tokenizer, spec.Card);
        Train(model, encoded);
        Directory.CreateDirectory(directory);
        model.Model.eval();
        T5Checkpoint.Save(model.Model, directory);
        tokenizer.Save(directory);
        spec.Card.Write(directory);
        return new TrainingResult
        {
            Model = $"models/{spec.ModelId}",
            Steps = _clock.Steps,
            TrainTime = Duration.FromTimeSpan(_clock.Elapsed),
            Flops = _clock.Flops,
            PeakMemoryBytes = Process.GetCurrentProcess().PeakWorkingSet64,
        };
    }

    private T5Model MakeModel(ITokenizer tokenizer)
    {
        if (baseDirectory is not null)
        {
            return T5Checkpoint.Load(baseDirectory, dropout: spec.Source.HasDropout ? spec.Source.Dropout : null);
        }

        var config = T5Preset.Of(spec.Preset, tokenizer.VocabularySize);
        return T5Model.Seeded(spec.Source.HasDropout ? config with { Dropout = spec.Source.Dropout } : config, spec.Seed);
    }

    private void Train(LoadedModel model, RunRows encoded)
    {
        using IOptimizer optimizer = spec.UsesAdafactor
            ? new Adafactor(model.Model, new AdafactorOptions { WeightDecay = spec.Source.WeightDecay })
            : new AdamW(model.Model, weightDecay: spec.Source.WeightDecay);
        using var trainer = new StepByStepTrainer(model.Model, optimizer, spec.Weights);
        var planned = PlannedFlops(model.Model.Config, encoded);
        var extra = planned > 0 ? (int)Math.Max(0, (spec.Source.ComputeBudgetFlops - planned) / planned * spec.Steps) : 0;
        report(new TrainingEvent
        {
            Started = new TrainingStarted
            {
                LabelRows = encoded.Labels.Count,
                RationaleRows = encoded.Rationales.Count,
                EvaluationRows = heldOut.Count,
                Parameters = model.Parameters,
                VocabularySize = model.Tokenizer.VocabularySize,
                TruncatedInputs = encoded.TruncatedInputs,
                TruncatedTargets = encoded.TruncatedTargets,
                Steps = spec.Steps + extra,
                Flops = planned,
            },
        });
        var (labels, rationales) = Samplers(encoded);
        var total = spec.Steps + extra;
        Cycle(model, trainer, labels, rationales, spec.Steps, total);
        Evaluate(model);
        if (extra > 0)
        {
            Cycle(model, trainer, labels, rationales, extra, total);
            Evaluate(model);
        }
    }

    private (BatchSampler Labels, BatchSampler? Rationales) Samplers(RunRows encoded) => (
        new BatchSampler(encoded.Labels, spec.BatchSize, spec.Seed),
        encoded.Rationales.Count > 0 ? new BatchSampler(encoded.Rationales, spec.BatchSize, spec.Seed) : null);

    // The order is known from the seed, so the work is known before it is done.
    private double PlannedFlops(T5Config config, RunRows encoded)
    {
        var (labels, rationales) = Samplers(encoded);
        var flops = 0.0;
        for (var step = 0; step < spec.Steps; step++)
        {
            cancellationToken.ThrowIfCancellationRequested();
            flops += TrainingFlops.OfStep(config, labels.Next(), rationales?.Next() ?? []);
        }

        return flops;
    }

    private void Cycle(LoadedModel model, StepByStepTrainer trainer, BatchSampler labels, BatchSampler? rationales, int steps, int total)
    {
        model.Model.train();
        var schedule = new LinearSchedule(spec.LearningRate, Math.Min(spec.Source.WarmupSteps, steps), steps);
        var means = new RunMeans();
        _clock.Start();
        for (var step = 0; step < steps; step++)
        {
            StopIfAsked();
            var (labelBatch, rationaleBatch) = (labels.Next(), rationales?.Next() ?? []);
            means.Add(Step(trainer, labelBatch, rationaleBatch, schedule.At(step)));
            TrainingMetrics.Stepped();
            _clock.Add(TrainingFlops.OfStep(model.Model.Config, labelBatch, rationaleBatch), labelBatch.Sum(row => row.Length) + rationaleBatch.Sum(row => row.Length));
            if (_clock.SinceReport > ReportInterval || step == steps - 1)
            {
                report(new TrainingEvent { Progress = means.Take(_clock, total, schedule.At(step)) });
            }

            if (spec.Source.EvaluationInterval > 0 && step < steps - 1 && _clock.Steps % spec.Source.EvaluationInterval == 0)
            {
                Evaluate(model);
                model.Model.train();
                _clock.Start();
            }
        }

        _clock.Stop();
    }

    private void StopIfAsked()
    {
        if (cancellationToken.IsCancellationRequested && isSuspended())
        {
            _ = checkpoints;
        }

        cancellationToken.ThrowIfCancellationRequested();
    }

    private StepReport Step(StepByStepTrainer trainer, IReadOnlyList<TaskRow> labels, IReadOnlyList<TaskRow> rationales, double rate)
    {
        try
        {
            return trainer.Step(labels, rationales, rate);
        }
        catch (ArithmeticException)
        {
            throw RpcFailure.Of(Grpc.Core.StatusCode.Aborted, "TRAINING_DIVERGED", $"The loss was not a finite number at step {_clock.Steps + 1}; a lower learning rate or clip norm may help.");
        }
    }

    private void Evaluate(LoadedModel model)
    {
        _clock.Stop();
        if (heldOut.Count == 0)
        {
            return;
        }

        model.Model.eval();
        var correct = 0;
        foreach (var chunk in heldOut.Chunk(EvaluationBatch))
        {
            using var scope = torch.NewDisposeScope();
            var inputs = chunk.Select(row => model.Encode(rationale: false, [.. row.Segments]).Ids).ToArray();
            var answers = GreedyDecoder.Decode(
                model.Model, PaddedBatch.Pad(inputs, model.Tokenizer.PadId), PaddedBatch.Mask(inputs), spec.MaxTargetTokens, cancellationToken: cancellationToken);
            correct += chunk.Zip(answers).Count(pair => spec.Scorer.IsRight(model.Tokenizer.Decode(pair.Second), pair.First.Label, pair.First.Answer));
        }

        report(new TrainingEvent { Evaluation = new Evaluation { Step = _clock.Steps, Flops = _clock.Flops, Examples = heldOut.Count, Correct = correct } });
    }
}
