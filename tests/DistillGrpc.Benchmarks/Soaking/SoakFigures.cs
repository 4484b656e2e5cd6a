using System.Globalization;

namespace DistillGrpc.Benchmarks.Soaking;

/// <summary>
/// What a process holds in a quiet moment. Memory is what tells of tensors, too: TorchSharp's own count of them rises with every model that is made, and does not
/// come down when the model is disposed and its memory given back.
/// </summary>
/// <param name="Memory">Bytes in memory.</param>
/// <param name="Managed">Of those, .NET's own objects.</param>
/// <param name="Handles">Open files, sockets and the like.</param>
/// <param name="Sockets">Of those, sockets.</param>
/// <param name="Threads">Threads.</param>
internal sealed record SoakFigures(long Memory, long Managed, long Handles, long Sockets, long Threads)
{
    // Pools and the runtime's own files come and go.
    private const int FewHandles = 4;
    private const int FewThreads = 8;
    private const long MuchMemory = 16 << 20;

    /// <summary>What has risen; empty where all is flat. What the first third has is not looked at.</summary>
    /// <param name="all">Quiet moments, at least three, in their order.</param>
    public static IReadOnlyList<string> Risen(IReadOnlyList<SoakFigures> all)
    {
        var (middle, last) = (all.Skip(all.Count / 3).Take(all.Count / 3).ToArray(), all.TakeLast(all.Count / 3).ToArray());
        var risen = new List<string>();
        Compare("memory", figures => figures.Memory, before => Math.Max(MuchMemory, before / 20));
        Compare("handles", figures => figures.Handles, _ => FewHandles);
        Compare("sockets", figures => figures.Sockets, _ => FewHandles);
        Compare("threads", figures => figures.Threads, _ => FewThreads);
        return risen;

        // The least of either: what is lost never goes again, and what is only late does.
        void Compare(string name, Func<SoakFigures, long> of, Func<long, long> room)
        {
            var (before, after) = (middle.Min(of), last.Min(of));
            if (after > before + room(before))
            {
                risen.Add(string.Create(CultureInfo.InvariantCulture, $"{name} from {before} to {after}"));
            }
        }
    }

    public override string ToString() => string.Create(
        CultureInfo.InvariantCulture, $"memory {Memory >> 20,5} MiB, of .NET {Managed >> 20,4} MiB, handles {Handles,4}, sockets {Sockets,3}, threads {Threads,3}");
}
