using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

public sealed class CpuEngineParityTests : EngineParityTests
{
    protected override IT5Engine Load(string directory) => EngineFactory.Load(directory, new EngineOptions { Engine = EngineKind.Cpu, Threads = 2 }).Engine;
}
