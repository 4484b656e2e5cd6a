using DistillGrpc.Modeling.T5;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>How <see cref="Adafactor"/> steps; the names and defaults are those of Hugging Face transformers' Adafactor.</summary>
public sealed record AdafactorOptions
{
    /// <summary>Every parameter's step is scaled by its own root mean square, at least 1e-3; default on.</summary>
    public bool ScaleParameter { get; init; } = true;

    /// <summary>The rate is found from the step number, and the one given to the step is not looked at; default off.</summary>
    public bool RelativeStep { get; init; }

    /// <summary>With <see cref="RelativeStep"/> the rate starts at 1e-6 and grows with every step; default off.</summary>
    public bool WarmupInit { get; init; }

    /// <summary>Decoupled weight decay; default 0.</summary>
    public double WeightDecay { get; init; }
}

/// <summary>
/// Adafactor (Shazeer and Stern 2018) without momentum: second moments of matrices are kept as row and column means. It is
/// what T5 was trained with, and with parameter-scaled steps it moves T5's large embeddings, where AdamW barely does.
/// </summary>
public sealed class Adafactor : IOptimizer
{
    private const double DecayRate = -0.8;
    private readonly AdafactorOptions _options;
    private readonly OptimizedParameters _parameters;
    private readonly Tensor[] _rows;
    private readonly Tensor[] _columns;
    private readonly Tensor _decay;
    private readonly Tensor _steps = zeros([], int64).DetachFromDisposeScope();
    private long _step;

    /// <summary>Makes the optimiser of a model's parameters.</summary>
    public Adafactor(nn.Module model, AdafactorOptions? options = null)
        : this(model.named_parameters(), options)
    {
    }

    /// <summary>Makes the optimiser of parameters by name, those of loss terms among them; those that want no gradient are left alone.</summary>
    public Adafactor(IEnumerable<(string Name, Parameter Parameter)> parameters, AdafactorOptions? options = null)
    {
        _options = options ?? new AdafactorOptions();
        _parameters = new OptimizedParameters(parameters);
        _rows = _parameters.ZeroStates(p => p.dim() >= 2 ? p.shape[..^1] : p.shape);
        _columns = _parameters.ZeroStates(p => p.dim() >= 2 ? [.. p.shape[..^2], p.shape[^1]] : []);
        _decay = tensor(_options.WeightDecay, float64).DetachFromDisposeScope();
    }

    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Tensor> State => new Dictionary<string, Tensor>(
        [.. _parameters.Named("rows", _rows), .. _parameters.Named("columns", _columns), KeyValuePair.Create("step", _steps)]);

    /// <inheritdoc/>
    public void Restore(IReadOnlyDictionary<string, Tensor> state)
    {
        OptimizedParameters.Copy(state, State);
        _step = _steps.item<long>();
    }

    /// <inheritdoc/>
    public void Step(double learningRate)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        var (indices, parameters, gradients) = _parameters.WithGradients();
        _step++;
        _steps.add_(Scalars.One, Scalars.One);
        var rate = _options.RelativeStep
            ? Math.Min(_options.WarmupInit ? 1e-6 * _step : 1e-2, 1 / Math.Sqrt(_step))
            : learningRate;
        OptimizerKernels.Adafactor(
            parameters,
            gradients,
            Array.ConvertAll(indices, i => _rows[i]),
            Array.ConvertAll(indices, i => _columns[i]),
            tensor(rate, float32),
            tensor(1 - Math.Pow(_step, DecayRate), float64),
            _options.ScaleParameter,
            _decay);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var state in _rows.Concat(_columns).Append(_decay).Append(_steps))
        {
            state.Dispose();
        }
    }
}
