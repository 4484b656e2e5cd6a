using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>libtorch's matrix products into memory that is there already: for many rows it has kernels for instructions that .NET does not know.</summary>
internal static class LibraryProducts
{
    private const string Source = """
        def int8(a: Tensor, b: Tensor, out: Tensor) -> int:
            torch._int_mm(a, b, out=out)
            return 0

        """;

    private static readonly jit.CompilationUnit Compiled = jit.compile(Source);
    private static readonly Lazy<bool> HasExactSums = new(TryLargest);

    /// <summary>Whether sums of bytes are exact: without VNNI the library adds pairs of products in 16 bits, which large ones fill.</summary>
    public static bool IsExact => HasExactSums.Value;

    /// <summary>out = a by b, of int8 in int32.</summary>
    /// <param name="left">(M, K), int8.</param>
    /// <param name="right">(K, N), int8, a transposed (N, K).</param>
    /// <param name="sums">(M, N), int32.</param>
    public static void Int8(Tensor left, Tensor right, Tensor sums) => Compiled.invoke("int8", left, right, sums);

    private static bool TryLargest()
    {
        const int Inner = 128;
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var sums = zeros(32, 32, int32);
        return Array.TrueForAll([127, -127], value =>
        {
            Int8(full([32, Inner], 127, int8), full([32, Inner], value, int8).t(), sums);
            return sums.eq(127 * value * Inner).all().item<bool>();
        });
    }
}
