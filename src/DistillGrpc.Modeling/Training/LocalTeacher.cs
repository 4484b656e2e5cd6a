using DistillGrpc.Modeling.T5;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// A frozen T5 that reads what the student reads and teaches it: another, larger model with the same tokenizer (intermediate
/// layers, soft labels) or an earlier copy of the student (self-distillation). Two losses, each a mean as the tasks' are:
/// <c>teacher.logits</c> is T^2 * KL(teacher || student) of whole token distributions at the target's positions, summed over
/// the tasks; <c>teacher.hidden</c> is the mean over all pairs of layers of the squared distance between
/// hidden states, a mean over features and tokens, the student's states through a learnt projection where widths differ
/// (FitNets, Romero et al. 2015; TinyBERT, Jiao et al. 2020). Attention maps are not compared: the fused kernels never make them.
/// </summary>
public sealed class LocalTeacher : LossTerm
{
    private readonly T5Model _teacher;
    private readonly LocalTeacherOptions _options;
    private readonly Tempered _tempered;
    private readonly Dictionary<(bool Decoder, LayerPair Pair), Parameter> _projections = [];

    /// <summary>Makes the term. The teacher stays the caller's; it is put into evaluation mode and gets no gradients.</summary>
    /// <exception cref="ArgumentException">A layer is not there, or the vocabularies differ.</exception>
    public LocalTeacher(T5Model teacher, T5Config student, LocalTeacherOptions? options = null)
    {
        (_teacher, _options) = (teacher, options ?? new LocalTeacherOptions());
        _tempered = new Tempered(_options.Temperature);
        _teacher.eval();
        Check(student);
        if (student.ModelSize != teacher.Config.ModelSize)
        {
            AddProjections(student.ModelSize, teacher.Config.ModelSize);
        }
    }

    /// <inheritdoc/>
    public override IReadOnlyList<(string Name, Parameter Parameter)> Parameters => [.. _projections.Select(pair =>
        ($"projection.{(pair.Key.Decoder ? "decoder" : "encoder")}.{pair.Key.Pair.Student}-{pair.Key.Pair.Teacher}.weight", pair.Value))];

    internal override bool NeedsLogits => _options.LogitWeight != 0;

    internal override bool NeedsStates => _options.EncoderLayers.Count + _options.DecoderLayers.Count > 0;

    /// <inheritdoc/>
    public override void Dispose()
    {
        foreach (var projection in _projections.Values)
        {
            projection.Dispose();
        }

        base.Dispose();
    }

    internal override IEnumerable<TermLoss> Losses(StepPass pass)
    {
        var (encoderStates, decoded) = Teach(pass);
        var divergences = _options.LogitWeight == 0 ? [] : OfTasks(pass, (task, share) =>
            Divergence(pass.Decoded[task]!.Logits, decoded[task]!.Logits, pass.TokenShares(pass.Decoded[task]!.Lengths, share)));
        if (Sum(divergences) is { } divergence)
        {
            yield return new TermLoss("teacher.logits", _options.LogitWeight, divergence);
        }

        if (Sum(Distances(pass, encoderStates, decoded)) is { } distance)
        {
            yield return new TermLoss("teacher.hidden", _options.HiddenWeight, distance);
        }
    }

    private (IReadOnlyList<Tensor> States, DecodedRows?[] Decoded) Teach(StepPass pass)
    {
        using var noGradient = no_grad();
        var trace = new T5Trace(NeedsStates);
        var encoded = _teacher.Encode(pass.InputIds, pass.InputMask, trace);
        var states = trace.TakeStates();
        return ([.. states, encoded], [.. pass.Decoded.Select((rows, task) => rows is null ? null : pass.Decode(_teacher, encoded, task, trace, NeedsLogits))]);
    }

    private IEnumerable<Tensor> OfTasks(StepPass pass, Func<int, Func<int, float>, Tensor> loss)
    {
        for (var task = 0; task < pass.Tasks.Count; task++)
        {
            var weight = _options.TaskWeights?.GetValueOrDefault(pass.Tasks[task].Name, 1) ?? 1;
            if (pass.Decoded[task] is not null && weight > 0)
            {
                var share = pass.Plan.Shares(pass.Plan.Tasks[task].Rows.Select(row => row.Target.Length));
                yield return loss(task, length => (float)weight * share(length));
            }
        }
    }

    private Tensor Divergence(Tensor student, Tensor teacher, Tensor shares)
    {
        using var scope = NewDisposeScope();
        using Scalar square = _tempered.Square;
        Tensor target;
        using (no_grad())
        {
            target = _tempered.LogSoftmax(teacher);
        }

        var difference = target.add(_tempered.LogSoftmax(student), Scalars.MinusOne);
        return target.exp().mul(difference).sum(1).dot(shares).mul(square).MoveToOuterDisposeScope();
    }

    private IEnumerable<Tensor> Distances(StepPass pass, IReadOnlyList<Tensor> encoderStates, DecodedRows?[] decoded)
    {
        var pairs = _options.EncoderLayers.Count + _options.DecoderLayers.Count;
        if (_options.EncoderLayers.Count > 0)
        {
            var share = pass.Plan.Shares(pass.Plan.MicroBatches.SelectMany(rows => rows.Inputs).Select(input => input.Length));
            var shares = pass.TokenShares(pass.Inputs.Select(input => input.Length), length => share(length) / pairs);
            var places = pass.InputMask.reshape(-1).nonzero().squeeze(1);
            foreach (var pair in _options.EncoderLayers)
            {
                yield return Distance(Pick(pass.EncoderStates[pair.Student], places), Pick(encoderStates[pair.Teacher], places), shares, (false, pair));
            }
        }

        foreach (var pair in _options.DecoderLayers)
        {
            foreach (var distance in OfTasks(pass, (task, share) => Distance(
                pass.Decoded[task]!.AtTargets(pass.Decoded[task]!.States[pair.Student]),
                decoded[task]!.AtTargets(decoded[task]!.States[pair.Teacher]),
                pass.TokenShares(pass.Decoded[task]!.Lengths, length => share(length) / pairs),
                (true, pair))))
            {
                yield return distance;
            }
        }
    }

    // (N, D) and (N, D'): squared distances, a mean over D', each token by its share.
    private Tensor Distance(Tensor student, Tensor teacher, Tensor shares, (bool Decoder, LayerPair Pair) layers)
    {
        using var scope = NewDisposeScope();
        var projected = _projections.TryGetValue(layers, out var projection) ? nn.functional.linear(student.to(float32), projection) : student.to(float32);
        var difference = projected.add(teacher.to(float32), Scalars.MinusOne);
        return difference.mul(difference).mean([1]).dot(shares).MoveToOuterDisposeScope();
    }

    private static Tensor Pick(Tensor states, Tensor places) => states.reshape(-1, states.shape[2]).index_select(0, places);

    private static Tensor? Sum(IEnumerable<Tensor> losses) => losses.Aggregate((Tensor?)null, (sum, loss) => sum?.add(loss, Scalars.One) ?? loss);

    private void AddProjections(int from, int to)
    {
        using var generator = new Generator(unchecked((ulong)_options.Seed));
        var pairs = _options.EncoderLayers.Select(pair => (false, pair)).Concat(_options.DecoderLayers.Select(pair => (true, pair)));
        foreach (var key in pairs.Distinct())
        {
            using var noGradient = no_grad();
            var first = empty(to, from).normal_(0, 1 / Math.Sqrt(from), generator).to(_teacher.Device);
            _projections[key] = (Parameter)nn.Parameter(first).DetachFromDisposeScope();
        }
    }

    private void Check(T5Config student)
    {
        var teacher = _teacher.Config;
        if (student.VocabularySize != teacher.VocabularySize)
        {
            throw new ArgumentException($"The teacher has {teacher.VocabularySize} ids and the student {student.VocabularySize}; a local teacher needs the same tokenizer.");
        }

        foreach (var (pairs, ofStudent, ofTeacher) in new[] { (_options.EncoderLayers, student.EncoderLayers, teacher.EncoderLayers), (_options.DecoderLayers, student.DecoderLayers, teacher.DecoderLayers) })
        {
            if (pairs.Any(pair => pair.Student < 0 || pair.Student > ofStudent || pair.Teacher < 0 || pair.Teacher > ofTeacher))
            {
                throw new ArgumentException($"A pair of layers is not between 0 and the {ofStudent} blocks of the student and the {ofTeacher} of the teacher.");
            }
        }
    }
}
