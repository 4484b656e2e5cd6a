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

        def float32(a: Tensor, b: Tensor, out: Tensor) -> int:
            torch.mm(a, b, out=out)
            return 0

        """;

    private static readonly jit.CompilationUnit Compiled = jit.compile(Source);

    /// <summary>out = a by b, of int8 in int32.</summary>
    /// <param name="left">(M, K), int8.</param>
    /// <param name="right">(K, N), int8, a transposed (N, K).</param>
    /// <param name="sums">(M, N), int32.</param>
    public static void Int8(Tensor left, Tensor right, Tensor sums) => Compiled.invoke("int8", left, right, sums);

    /// <summary>out = a by b, of float32.</summary>
    /// <param name="left">(M, K).</param>
    /// <param name="right">(K, N), a transposed (N, K).</param>
    /// <param name="sums">(M, N).</param>
    public static void Float32(Tensor left, Tensor right, Tensor sums) => Compiled.invoke("float32", left, right, sums);
}
