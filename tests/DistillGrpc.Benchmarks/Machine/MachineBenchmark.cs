using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Modeling.Engines.Cpu.Kernels;
using DistillGrpc.Modeling.Engines.Cpu.Tiles;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Benchmarks.Machine;

/// <summary><c>machine</c>: what the machine gives at the moment: bytes that are read, int8 and float32 products a second. The limits that other figures are held against.</summary>
internal static unsafe class MachineBenchmark
{
    // All of t5-small's decoder and head in int8; and more than any cache holds.
    private static readonly (string Name, int MegaBytes)[] Reads = [("38 MB", 38), ("512 MB", 512)];
    private static readonly (int Rows, int Inner, int Columns)[] Products = [(1, 512, 32128), (16, 512, 2048), (128, 512, 2048), (2048, 512, 2048), (2048, 768, 2048)];

    public static Command Create()
    {
        var threads = new Option<int>("--threads") { DefaultValueFactory = _ => 2 };
        var command = new Command("machine", "The machine's own limits: read bandwidth, int8 and float32 products.") { threads };
        command.SetAction(parsed => Run(parsed.GetValue(threads)));
        return command;
    }

    private static void Run(int threads)
    {
        Line($"{RuntimeInformation.OSDescription}, {Environment.ProcessorCount} processors, AVX-VNNI {AvxVnni.IsSupported}, AVX-512 {Avx512BW.IsSupported}, AVX2 {Avx2.IsSupported}");
        foreach (var (name, megaBytes) in Reads)
        {
            for (var t = 1; t <= threads; t++)
            {
                Line($"read {name}, {t} thread(s): {Read(megaBytes, t) / 1e9:0.0} GB/s");
            }
        }

        PrintKernels();
        set_num_threads(threads);
        using var scope = NewDisposeScope();
        using var inference = inference_mode();
        var script = jit.compile("def mm(a: Tensor, b: Tensor) -> Tensor:\n    return torch._int_mm(a, b)\n");
        foreach (var (rows, inner, columns) in Products)
        {
            var work = 2.0 * rows * inner * columns;
            var (left, right) = (randint(-127, 127, [rows, inner], dtype: int8), randint(-127, 127, [columns, inner], dtype: int8).t());
            var (floats, weights) = (randn(rows, inner), randn(columns, inner).t());
            var whole = Best(() => ((Tensor)script.invoke("mm", left, right)!).Dispose());
            var single = Best(() => matmul(floats, weights).Dispose());
            Line($"{rows} x {inner} by {columns}, {threads} thread(s): libtorch int8 {work / whole / 1e9:0} GOP/s ({whole * 1e3:0.000} ms), float32 {work / single / 1e9:0} GFLOP/s ({single * 1e3:0.000} ms)");
        }
    }

    // One thread: a thread's kernel knows nothing of others.
    private static void PrintKernels()
    {
        foreach (var (rows, inner, columns) in new[] { (1, 512, 2048), (1, 512, 32128), (2, 512, 2048), (4, 512, 2048), (8, 512, 2048), (16, 512, 2048), (16, 2048, 512), (64, 512, 2048) })
        {
            var (left, right, sums) = (new NativeArray<byte>(rows * inner), new NativeArray<sbyte>(columns * inner), new NativeArray<int>(rows * columns));
            var (floats, weights, products) = (new NativeArray<float>(rows * inner), new NativeArray<float>(columns * inner), new NativeArray<float>(rows * columns));
            var work = 2.0 * rows * inner * columns;
            var whole = Rates(ByteKernel.All, kernel => kernel.Multiply(left.Pointer, rows, inner, right.Pointer, 0, columns, sums.Pointer));
            var tiles = rows % TileKernel.Only.RowsTogether == 0 ? Rates([TileKernel.Only], kernel => kernel.Multiply((sbyte*)left.Pointer, rows, inner, right.Pointer, 0, columns, sums.Pointer)) : "";
            var single = Rates(FloatKernel.All, kernel => kernel.Multiply(floats.Pointer, rows, inner, weights.Pointer, 0, columns, products.Pointer));
            Line($"{rows} x {inner} by {columns}, 1 thread: our int8{tiles}{whole} GOP/s, float32{single} GFLOP/s");

            string Rates<TRow, TWeight, TSum>(IEnumerable<PanelKernel<TRow, TWeight, TSum>> kernels, Action<PanelKernel<TRow, TWeight, TSum>> multiply)
                where TRow : unmanaged
                where TWeight : unmanaged
                where TSum : unmanaged => string.Concat(kernels.Where(kernel => kernel.IsSupported).Select(kernel => string.Create(
                    CultureInfo.InvariantCulture, $" {kernel.Name} {work / Best(() => multiply(kernel)) / 1e9:0}")));
        }
    }

    /// <summary>Bytes a second that are read, at best.</summary>
    public static double Read(int megaBytes, int threads)
    {
        var length = (nuint)megaBytes << 20;
        var memory = (byte*)NativeMemory.AlignedAlloc(length, 64);
        NativeMemory.Fill(memory, length, 1);
        var part = length / (nuint)threads;
        var seconds = double.MaxValue;
        for (var i = 0; i < 10; i++)
        {
            using var barrier = new Barrier(threads + 1);
            var workers = Enumerable.Range(0, threads).Select(worker => new Thread(() =>
            {
                barrier.SignalAndWait();
                Sum(memory + (nuint)worker * part, part);
                barrier.SignalAndWait();
            })).ToArray();
            Array.ForEach(workers, worker => worker.Start());
            barrier.SignalAndWait();
            var started = Stopwatch.GetTimestamp();
            barrier.SignalAndWait();
            seconds = Math.Min(seconds, Stopwatch.GetElapsedTime(started).TotalSeconds);
        }

        NativeMemory.AlignedFree(memory);
        return length / seconds;
    }

    private static ulong Sum(byte* memory, nuint length)
    {
        var (a, b, c, d) = (Vector256<ulong>.Zero, Vector256<ulong>.Zero, Vector256<ulong>.Zero, Vector256<ulong>.Zero);
        for (nuint i = 0; i + 128 <= length; i += 128)
        {
            a += Vector256.Load((ulong*)(memory + i));
            b += Vector256.Load((ulong*)(memory + i + 32));
            c += Vector256.Load((ulong*)(memory + i + 64));
            d += Vector256.Load((ulong*)(memory + i + 96));
        }

        return Vector256.Sum(a + b + c + d);
    }

    private static double Best(Action action)
    {
        action();
        var best = TimeSpan.MaxValue;
        var began = Stopwatch.GetTimestamp();
        for (var i = 0; i < 5 || Stopwatch.GetElapsedTime(began) < TimeSpan.FromSeconds(0.5); i++)
        {
            var started = Stopwatch.GetTimestamp();
            action();
            var took = Stopwatch.GetElapsedTime(started);
            best = took < best ? took : best;
        }

        return best.TotalSeconds;
    }

    private static void Line(FormattableString text) => Console.WriteLine(text.ToString(CultureInfo.InvariantCulture));
}
