using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.T5;
using TorchSharp;

namespace DistillGrpc.Modeling.Tests.T5;

/// <summary>What a model held is given back when it goes, not when the garbage collector comes by: it does not see native memory.</summary>
public sealed class DisposeTests
{
    private static readonly T5Config Config = T5Preset.Of("micro", 384);

    // Of this thread: tests beside it have their own.
    private static long Live => DisposeScopeManager.Statistics.TensorStatistics.ThreadTotalLiveCount;

    [Fact]
    public void Model_Disposed_HoldsNoTensor()
    {
        var before = Live;
        var model = T5Model.Seeded(Config, 1);
        var parameters = model.parameters().ToArray();
        Assert.True(Live >= before + parameters.Length);
        model.Dispose();

        Assert.All(parameters, parameter => Assert.True(parameter.IsInvalid));
        Assert.Equal(before, Live);
    }

    [Theory]
    [InlineData(EngineKind.Cpu, Precision.Float32)]
    [InlineData(EngineKind.Cpu, Precision.Int8)]
    public void Engine_LoadedAndDisposed_HoldsNoTensor(EngineKind kind, Precision precision)
    {
        using var folder = new TemporaryFolder();
        using (var model = T5Model.Seeded(Config, 1))
        {
            T5Checkpoint.Save(model, folder.Path);
        }

        // What is made once for a process is made now.
        EngineFactory.Load(folder.Path, new EngineOptions { Engine = kind, Precision = precision, Threads = 1 }).Engine.Dispose();
        var before = Live;
        EngineFactory.Load(folder.Path, new EngineOptions { Engine = kind, Precision = precision, Threads = 1 }).Engine.Dispose();

        Assert.Equal(before, Live);
    }
}
