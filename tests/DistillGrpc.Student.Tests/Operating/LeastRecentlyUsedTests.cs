using DistillGrpc.Student.Serving.Caching;

namespace DistillGrpc.Student.Tests.Operating;

public sealed class LeastRecentlyUsedTests
{
    private const int Room = 10_000;

    [Fact]
    public void Keep_MoreThanThereIsRoomFor_LosesWhatWasNotAskedForTheLongestTime()
    {
        var kept = new LeastRecentlyUsed(Room);
        for (var i = 0; i < 9; i++)
        {
            kept.Keep(Key(i), new byte[900]);
        }

        var full = kept.Bytes;
        Assert.NotNull(kept.Find(Key(0)));
        kept.Keep(Key(9), new byte[900]);

        Assert.InRange(full, 9 * 900, Room);
        Assert.Equal(full, kept.Bytes);
        Assert.Equal([0, 2, 3, 4, 5, 6, 7, 8, 9], Enumerable.Range(0, 10).Where(i => kept.Find(Key(i)) is not null));
    }

    [Fact]
    public void Keep_TheSameKeyOrWhatIsTooLarge_CountsNothingTwice()
    {
        var kept = new LeastRecentlyUsed(Room);
        kept.Keep(Key(1), new byte[10]);
        var once = kept.Bytes;
        kept.Keep(Key(1), new byte[20]);
        kept.Keep(Key(2), new byte[Room]);

        Assert.Equal(once + 10, kept.Bytes);
        Assert.Equal((20, null), (kept.Find(Key(1))?.Length, kept.Find(Key(2))));
    }

    [Fact]
    public async Task Keep_FromManyThreads_StaysWithinItsRoom()
    {
        var kept = new LeastRecentlyUsed(Room);
        await Parallel.ForEachAsync(Enumerable.Range(0, 20_000), (i, cancellationToken) =>
        {
            kept.Keep(Key(i % 300), new byte[i % 700]);
            Assert.InRange(kept.Bytes, 0, Room);
            _ = kept.Find(Key(i % 7));
            return ValueTask.CompletedTask;
        });

        Assert.InRange(kept.Bytes, 1, Room);
    }

    private static CacheKey Key(int i) => new(0, (UInt128)i);
}
