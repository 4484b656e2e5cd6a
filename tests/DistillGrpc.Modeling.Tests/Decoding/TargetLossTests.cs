using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Tests.Training;
using DistillGrpc.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Decoding;

/// <summary>The loss of targets that an engine is made to read, against the model's own.</summary>
public sealed class TargetLossTests
{
    // Several batches, of all lengths, some with what the decoder reads first.
    private static readonly TaskRow[] Rows = [.. Tiny.Rows(70, seed: 5, longestTarget: 12).Select((row, i) => i % 3 == 0 ? row with { DecoderPrefix = [7, 8, 9] } : row)];

    [Theory]
    [InlineData(EngineKind.Torch)]
    [InlineData(EngineKind.Cpu)]
    public void Sums_RowsInBatches_AreTheModelsLosses(EngineKind kind)
    {
        using var model = Tiny.Model();
        using var team = new WorkerTeam(1);
        using IT5Engine engine = kind == EngineKind.Torch ? new TorchEngine(model, ownsModel: false) : new CpuEngine(model, Precision.Float32, team);
        var read = 0;

        var sums = TargetLoss.Sums(engine, Rows, count => read += count);

        Assert.Equal(Rows.Length, read);
        Assert.All(Rows.Zip(sums), pair => Assert.Equal(Loss(model, pair.First), pair.Second / pair.First.Target.Length, 1e-4));
    }

    [Fact]
    public void Sums_OfNoRows_AreNone()
    {
        using var model = Tiny.Model();
        using var engine = new TorchEngine(model, ownsModel: false);

        Assert.Empty(TargetLoss.Sums(engine, []));
    }

    [Fact]
    public void Sums_WeightsThatAreNotFinite_AreRefused()
    {
        using var model = Tiny.Model();
        using (no_grad())
        {
            model.parameters().First().fill_(float.NaN);
        }

        using var engine = new TorchEngine(model, ownsModel: false);

        Assert.Throws<NonFiniteLogitsException>(() => TargetLoss.Sums(engine, Rows));
    }

    [Fact]
    public void Sums_Cancelled_EndWithinAStep()
    {
        using var stop = new CancellationTokenSource();
        using var engine = new ScriptedEngine(64, read =>
        {
            if (read.Count == 4)
            {
                stop.Cancel();
            }

            return new float[64];
        });

        Assert.Throws<OperationCanceledException>(() => TargetLoss.Sums(engine, [new TaskRow([3, 1], [.. Enumerable.Range(10, 20), 1])], null, stop.Token));

        // The fourth step was under way; nothing is left of the text that was read.
        Assert.Equal((4, 0), (engine.Asked.Count, engine.Live));
    }

    [Fact]
    public void Sums_CancelledBetweenBatches_DoNotReadTheNext()
    {
        using var model = Tiny.Model();
        using var engine = new TorchEngine(model, ownsModel: false);
        using var stop = new CancellationTokenSource();
        var read = 0;

        Assert.Throws<OperationCanceledException>(() => TargetLoss.Sums(
            engine,
            Rows,
            count =>
            {
                read += count;
                stop.Cancel();
            },
            stop.Token));

        Assert.InRange(read, 1, Rows.Length - 1);
    }

    private static double Loss(T5Model model, TaskRow row)
    {
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        return T5Model.Loss(Tiny.Logits(model, row), tensor(Array.ConvertAll(row.Target, id => (long)id))).item<float>();
    }
}
