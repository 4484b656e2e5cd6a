using DistillGrpc.Modeling.Engines;
using TorchSharp;

namespace DistillGrpc.Modeling.Tests.Engines;

public sealed class TorchEngineParityTests : EngineParityTests
{
    protected override IT5Engine Load(string directory)
    {
        // Threads that wait for each other are slow where others want the cores.
        torch.set_num_threads(1);
        return TorchEngine.Load(directory);
    }
}
