using System.Diagnostics;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Training;

/// <summary>Alone, since it looks at the whole process's memory. The terms beside the tasks' losses are in <see cref="LiveTensorTests"/>.</summary>
[Collection(nameof(LongTrainingTests))]
[CollectionDefinition(nameof(LongTrainingTests), DisableParallelization = true)]
public sealed class LongTrainingTests
{
    private const long Allowance = 8 << 20;

    private static readonly T5Config Config = Tiny.Config with { ModelSize = 8, FeedForwardSize = 8, Heads = 2, EncoderLayers = 1, DecoderLayers = 1, Dropout = 0.1 };

    [Fact]
    public void Step_TenThousandTimes_KeepsLiveTensorsAndMemoryAsTheyWere()
    {
        using var generator = new Generator(1);
        T5Dropout.Generator = generator;
        var threads = get_num_threads();
        set_num_threads(1);
        using var model = T5Model.Seeded(Config, 1);
        using var optimizer = new AdamW(model);
        using var trainer = new DistillationTrainer(model, optimizer);
        TaskBatch[] tasks = [new("label", LiveTensorTests.Labels[..2]), new("rationale", LiveTensorTests.Rationales[..2])];
        void Steps(int count)
        {
            for (var step = 0; step < count; step++)
            {
                trainer.Step(tasks, 1e-3);
            }
        }

        Steps(100);
        var live = Live();
        // What the runtime and the allocator take once, they have taken by then.
        Steps(1900);
        var memory = Memory();
        Steps(8000);

        Assert.Equal(live, Live());
        Assert.InRange(Memory() - memory, long.MinValue, Allowance);
        set_num_threads(threads);
        T5Dropout.Generator = null;
    }

    private static (long Handles, long OfScopes) Live()
    {
        Collect();
        return (Tensor.TotalCount, DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount);
    }

    private static long Memory()
    {
        Collect();
        return Process.GetCurrentProcess().WorkingSet64;
    }

    private static void Collect()
    {
        GC.Collect();
        GC.WaitForPendingFinalizers();
        GC.Collect();
    }
}
