using DistillGrpc.Modeling.Engines.Cpu;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

/// <summary>Many matrices in few pieces of memory.</summary>
public sealed unsafe class WeightMemoryTests
{
    [Fact]
    public void Take_ManySizes_GivesZerosThatNobodyElseHas()
    {
        using var memory = new WeightMemory();
        var taken = new List<(nint Start, long Length)>();
        foreach (var length in new long[] { 1, 64, 65, 1 << 20, 40 << 20, 100, 30 << 20, 30 << 20, 7 })
        {
            var start = memory.Take(length);
            Assert.Equal(0, (nint)start % 64);
            Assert.False(new ReadOnlySpan<byte>(start, (int)length).ContainsAnyExcept((byte)0));
            new Span<byte>(start, (int)length).Fill(0xee);
            taken.Add(((nint)start, length));
        }

        var ordered = taken.OrderBy(piece => piece.Start).ToArray();
        Assert.All(ordered.Zip(ordered.Skip(1)), pair => Assert.True(pair.First.Start + pair.First.Length <= pair.Second.Start));
    }
}
