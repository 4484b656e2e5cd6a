using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using DistillGrpc.Student.Serving.Classifying;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistillGrpc.Student.Tests.Serving.Classifying;

/// <summary>Rows that the Teacher has answered, on a disk that is full for a while.</summary>
public sealed class EscalatedRowsTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StateDirectory _state;
    private readonly SmallDisk _disk = new();

    public EscalatedRowsTests() => _state = new StateDirectory(_folder.Path, "test");

    public void Dispose()
    {
        _state.Dispose();
        _folder.Dispose();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Keep_OnADiskThatIsFullForAWhile_ReadsNothingAgainAndGoesOnWhenThereIsRoom(bool isBroken)
    {
        var (store, kept) = Open();
        Assert.True(kept.Keep("m", Row("a")) && kept.Keep("m", Row("b")));
        (_disk.IsFull, _disk.IsBroken) = (true, isBroken);
        for (var i = 0; i < 50; i++)
        {
            Assert.False(kept.Keep("m", Row(i % 2 == 0 ? "c" : $"lost {i}")));
        }

        // What is kept already is, also now.
        Assert.True(kept.Keep("m", Row("a")));
        (_disk.IsFull, _disk.IsBroken) = (false, false);
        Assert.True(kept.Keep("m", Row("c")) && kept.Keep("m", Row("b")) && kept.Keep("m", Row("d")));

        Assert.Equal(1, _disk.Opened);
        Assert.Equal(["a", "b", "c", "d"], Collect(store, kept));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Keep_ProcessThatIsKilledOnAFullDisk_HasWhatWasKeptAndNoHalf(bool isBroken)
    {
        var (_, kept) = Open();
        Assert.True(kept.Keep("m", Row("a")));
        (_disk.IsFull, _disk.IsBroken) = (true, isBroken);
        Assert.False(kept.Keep("m", Row("b")));
        (_disk.IsFull, _disk.IsBroken) = (false, false);
        // The other is not disposed.
        var (store, again) = Open();
        Assert.True(again.Keep("m", Row("c")));

        Assert.Equal(["a", "c"], Collect(store, again));
    }

    [Fact]
    public void Collect_AfterARowThatTheDiskHasNotTaken_HasTheOthers()
    {
        var (store, kept) = Open();
        Assert.True(kept.Keep("m", Row("a")));
        (_disk.IsFull, _disk.IsBroken) = (true, true);
        Assert.False(kept.Keep("m", Row("b")));
        (_disk.IsFull, _disk.IsBroken) = (false, false);

        Assert.Equal(["a"], Collect(store, kept));
    }

    private (DatasetStore Store, EscalatedRows Rows) Open()
    {
        var options = new StudentOptions();
        var store = new DatasetStore(options, _state, TimeProvider.System, NullLogger<DatasetStore>.Instance) { OpenRows = _disk.Open };
        return (store, new EscalatedRows(store, options, NullLogger<EscalatedRows>.Instance));
    }

    // Read to the last one, rows are checked against their hash.
    private static string[] Collect(DatasetStore store, EscalatedRows kept) => [.. store.Read(store.Find(kept.Collect("m", "").Name, "dataset")).Select(row => row.Id)];

    private static Example Row(string id) => new() { Id = id, Segments = { $"the input {id}" }, TeacherLabel = "yes", Rationale = new string('x', 100) };
}
