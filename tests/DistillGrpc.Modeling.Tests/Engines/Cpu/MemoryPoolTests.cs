using DistillGrpc.Modeling.Engines.Cpu;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

public sealed unsafe class MemoryPoolTests
{
    private const long Chunk = 34L << 20;

    [Fact]
    public void Rent_ManyInAnyOrder_NoneTouchesAnotherAndWhatIsThereStays()
    {
        using var pool = new MemoryPool(long.MaxValue);
        var random = new Random(7);
        var rented = new List<(PooledMemory Memory, byte Mark)>();
        for (var round = 0; round < 3000; round++)
        {
            if (rented.Count > 0 && random.Next(5) < 2)
            {
                var (memory, mark) = rented[random.Next(rented.Count)];
                Assert.Equal(memory.Length, new ReadOnlySpan<byte>(memory.Pointer, (int)memory.Length).Count(mark));
                rented.RemoveAll(one => one.Memory == memory);
                pool.Return(memory);
            }
            else if (rented.Count < 100)
            {
                var memory = pool.Rent(random.Next(1, 300_000));
                new Span<byte>(memory.Pointer, (int)memory.Length).Fill((byte)round);
                rented.Add((memory, (byte)round));
            }
        }

        Assert.All(rented, one => Assert.Equal(one.Memory.Length, new ReadOnlySpan<byte>(one.Memory.Pointer, (int)one.Memory.Length).Count(one.Mark)));
        // A hundred of 150 kB on average fit one chunk, however often they come and go in sizes of their own.
        Assert.Equal(Chunk, pool.Bytes);
        rented.ForEach(one => pool.Return(one.Memory));
        Assert.Equal(Chunk, pool.Rent(Chunk).Length);
        Assert.Equal(Chunk, pool.Bytes);
    }

    [Fact]
    public void Return_MoreThanIsKept_IsFreed()
    {
        using var pool = new MemoryPool(Chunk);
        var all = new[] { Chunk, Chunk, 3 * Chunk }.Select(pool.Rent).ToArray();
        Assert.Equal(5 * Chunk, pool.Bytes);

        Array.ForEach(all, pool.Return);

        Assert.Equal(Chunk, pool.Bytes);
        Assert.Same(all[0].Chunk, pool.Rent(1).Chunk);
    }

    [Fact]
    public void Dispose_WhatSomebodyStillHas_IsFreedWhenItComesBack()
    {
        var pool = new MemoryPool(long.MaxValue);
        var (first, second) = (pool.Rent(1000), pool.Rent(Chunk));

        pool.Dispose();
        Assert.Equal(Chunk, pool.Bytes - Chunk);
        first.Pointer[999] = 7;
        pool.Return(first);
        Assert.Equal(Chunk, pool.Bytes);
        pool.Return(second);

        Assert.Equal(0, pool.Bytes);
    }
}
