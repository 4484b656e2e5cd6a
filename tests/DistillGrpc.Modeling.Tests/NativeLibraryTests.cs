using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests;

public sealed class NativeLibraryTests
{
    [Fact]
    public void Libtorch_OnThisMachine_LoadsAndMultiplies()
    {
        using var scope = NewDisposeScope();
        var product = matmul(tensor(new[] { 1f, 2f }, 1, 2), tensor(new[] { 3f, 4f }, 2, 1));

        Assert.Equal(11f, product.item<float>());
    }
}
