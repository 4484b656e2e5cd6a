using DistillGrpc.Modeling.Engines;
using TorchSharp;

namespace DistillGrpc.Modeling.Tests.Engines;

public sealed class TorchEngineParityTests : EngineParityTests, IDisposable
{
    private readonly int _threads = torch.get_num_threads();

    // Threads that wait for each other are slow where others want the cores.
    public TorchEngineParityTests() => torch.set_num_threads(1);

    public void Dispose() => torch.set_num_threads(_threads);

    protected override IT5Engine Load(string directory) => TorchEngine.Load(directory);
}
