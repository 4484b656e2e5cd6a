using System.Diagnostics;
using DistillGrpc.Modeling.T5;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// Trains a student in every mode of distillation. A step is a list of tasks, each with its rows and a weight, and the trainer's
/// loss terms: the inputs of all tasks go through the encoder together, each task's targets go through the decoder by
/// themselves, and each task's loss is its own mean ("Distilling Step-by-Step", arXiv 2305.02301). With one task alone it is
/// ordinary finetuning, on whatever targets: gold labels, a teacher's, a rationale followed by a label.
/// </summary>
public sealed class DistillationTrainer : IDisposable
{
    private readonly TrainerOptions _options;
    private readonly IReadOnlyList<LossTerm> _terms;
    private readonly MasterWeights? _masters;
    private readonly Tensor _clipNorm;

    /// <summary>Makes a trainer and puts the model into training mode. Model, optimiser and terms stay the caller's.</summary>
    /// <param name="model">The student, in float32.</param>
    /// <param name="optimizer">The optimiser of <see cref="LearntParameters"/>.</param>
    /// <param name="options">How; default <see cref="TrainerOptions"/>'s defaults.</param>
    /// <param name="terms">What else is minimised; default nothing.</param>
    /// <exception cref="ArgumentOutOfRangeException">An option is out of its range.</exception>
    /// <exception cref="InvalidOperationException">Blocks are to be computed again with dropout, and this thread has no generator of its own.</exception>
    public DistillationTrainer(T5Model model, IOptimizer optimizer, TrainerOptions? options = null, IReadOnlyList<LossTerm>? terms = null)
    {
        (Model, Optimizer, _options, _terms) = (model, optimizer, options ?? new TrainerOptions(), terms ?? []);
        ArgumentOutOfRangeException.ThrowIfLessThan(_options.AccumulationSteps, 1);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(_options.ClipNorm);
        if (_options.LabelSmoothing is not (>= 0 and < 1))
        {
            throw new ArgumentOutOfRangeException(nameof(options), _options.LabelSmoothing, "Label smoothing is at least 0 and below 1.");
        }

        Parameters = LearntParameters(model, _terms);
        if (_options.RecomputeBlocks && model.Config.Dropout > 0 && T5Dropout.Generator is null)
        {
            throw new InvalidOperationException("To compute blocks again, dropout needs a generator of this thread's own.");
        }

        _clipNorm = tensor((float)_options.ClipNorm, device: model.Device).DetachFromDisposeScope();
        model.train();
        _masters = _options.Bfloat16 ? new MasterWeights(model) : null;
    }

    /// <summary>The student.</summary>
    public T5Model Model { get; }

    /// <summary>The optimiser.</summary>
    public IOptimizer Optimizer { get; }

    /// <summary>The student's parameters and those of the terms, frozen ones too.</summary>
    public IReadOnlyList<(string Name, Parameter Parameter)> Parameters { get; }

    /// <summary>How long the parts of the last step took.</summary>
    public StepTimes Times { get; private set; }

    /// <summary>What an optimiser has to know of.</summary>
    public static IReadOnlyList<(string Name, Parameter Parameter)> LearntParameters(T5Model model, IReadOnlyList<LossTerm> terms) =>
        [.. model.named_parameters(), .. terms.SelectMany(term => term.Parameters)];

    /// <summary>One step.</summary>
    /// <param name="tasks">The tasks' batches.</param>
    /// <param name="learningRate">The rate of this step.</param>
    /// <exception cref="ArgumentException">No task has a row, two have one name, or a soft label does not fit its row.</exception>
    /// <exception cref="ArithmeticException">The loss or its gradient is not a finite number; parameters and optimiser are as they were.</exception>
    public StepOutcome Step(IReadOnlyList<TaskBatch> tasks, double learningRate)
    {
        using var scope = NewDisposeScope();
        var plan = new StepPlan(tasks, _options);
        var (started, forward, backward) = (Stopwatch.GetTimestamp(), TimeSpan.Zero, TimeSpan.Zero);
        ZeroGradients();
        var zeroing = Stopwatch.GetElapsedTime(started);
        var sums = new LossSums();
        foreach (var rows in plan.MicroBatches)
        {
            var (thisForward, thisBackward) = Accumulate(plan, rows, sums);
            (forward, backward) = (forward + thisForward, backward + thisBackward);
        }

        started = Stopwatch.GetTimestamp();
        var norm = Clip();
        Optimizer.Step(learningRate);
        _masters?.Refresh();
        Times = new StepTimes(forward, backward, zeroing + Stopwatch.GetElapsedTime(started));
        return sums.Outcome(norm);
    }

    /// <summary>To be called when something else has changed the model's numbers: a bfloat16 copy takes them over.</summary>
    public void Refresh() => _masters?.Refresh();

    /// <inheritdoc/>
    public void Dispose()
    {
        _clipNorm.Dispose();
        _masters?.Dispose();
    }

    private (TimeSpan Forward, TimeSpan Backward) Accumulate(StepPlan plan, MicroBatch rows, LossSums sums)
    {
        var started = Stopwatch.GetTimestamp();
        using var scope = NewDisposeScope();
        using var recomputation = _options.RecomputeBlocks ? new Recomputation() : null;
        var needsStates = _terms.Any(term => term.NeedsStates);
        using var embeddings = new EmbeddingGradients();
        var trace = new T5Trace(needsStates, recomputation, embeddings);
        var pass = new StepPass(_masters?.Copy ?? Model, plan, rows, trace, _terms.Any(term => term.NeedsLogits));
        var loss = sums.Add(Losses(pass));
        if (!float.IsFinite(loss.item<float>()))
        {
            throw new ArithmeticException("The loss is not a finite number.");
        }

        var forward = Stopwatch.GetElapsedTime(started);
        if (loss.requires_grad)
        {
            loss.backward();
            recomputation?.Backward();
            embeddings.Backward();
        }

        _masters?.TakeGradients();
        return (forward, Stopwatch.GetElapsedTime(started) - forward);
    }

    private IEnumerable<TermLoss> Losses(StepPass pass)
    {
        for (var task = 0; task < pass.Tasks.Count; task++)
        {
            if (pass.Decoded[task] is not null)
            {
                yield return new TermLoss(pass.Tasks[task].Name, pass.Tasks[task].Weight, pass.HardLoss(task));
            }
        }

        foreach (var loss in _terms.SelectMany(term => term.Losses(pass)))
        {
            yield return loss;
        }
    }

    private float Clip()
    {
        var gradients = Parameters.Select(named => named.Parameter.grad).OfType<Tensor>().ToArray();
        var norm = OptimizerKernels.Clip(gradients, _clipNorm).item<float>();
        return float.IsFinite(norm) ? norm : throw new ArithmeticException("The gradient is not a finite number.");
    }

    private void ZeroGradients()
    {
        foreach (var (_, parameter) in Parameters)
        {
            parameter.grad = null;
        }

        _masters?.Copy.zero_grad();
    }
}
