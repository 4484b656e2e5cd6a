using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Tests.Engines;

public sealed class TorchEngineParityTests : EngineParityTests
{
    protected override IT5Engine Load(string directory) => TorchEngine.Load(directory);
}
