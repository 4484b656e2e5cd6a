using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Datasets;
using Grpc.Core;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistillGrpc.Student.Tests.Datasets;

public sealed class DatasetStoreTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private readonly StateDirectory _state;

    public DatasetStoreTests() => _state = new StateDirectory(_folder.Path, "test");

    public void Dispose()
    {
        _state.Dispose();
        _folder.Dispose();
    }

    [Fact]
    public void Writer_WithAKey_GoesOnAfterARestartAndGivesTheSameDataset()
    {
        var rows = Rows(300);
        var whole = Publish(Open(), rows);
        var store = Open();
        using (var before = store.Begin("job-1"))
        {
            Array.ForEach(rows[..200], row => Assert.Null(before.Append(row)));
        }

        // Killed in the middle of a row.
        var path = Path.Combine(_folder.Path, "datasets", "growing-job-1", "rows.bin");
        File.WriteAllBytes(path, File.ReadAllBytes(path)[..^3]);
        store = Open();
        using var writer = store.Begin("job-1");

        Assert.Equal(199, writer.Rows);
        Assert.Equal("DUPLICATE_ID", writer.Append(rows[198])!.Reason);
        Array.ForEach(rows[199..], row => Assert.Null(writer.Append(row)));
        Assert.Equal((whole.ContentHash, whole.Counts), (writer.Describe("", new DatasetOrigin()).ContentHash, writer.Describe("", new DatasetOrigin()).Counts));
        Assert.True(writer.Publish("", new DatasetOrigin()).Existed);
        Assert.False(Directory.Exists(Path.GetDirectoryName(path)));
    }

    [Fact]
    public void Writer_WithAKeyThatIsDiscarded_LeavesNothing()
    {
        using var writer = Open().Begin("gone");
        writer.AppendToDisk(Rows(1)[0]);

        writer.Discard();

        Assert.Empty(Directory.GetDirectories(Path.Combine(_folder.Path, "datasets")));
    }

    [Fact]
    public void Find_DigitsThatSeveralBeginWith_AreRefused()
    {
        var store = Open();
        var name = Publish(store, Rows(1)).Name;
        // Another whose id begins alike: what it holds does not matter here.
        var twin = Path.Combine(_folder.Path, name[..^1] + (name[^1] == '0' ? '1' : '0'));
        Directory.CreateDirectory(twin);
        store = Open();

        var failure = Assert.Throws<RpcException>(() => store.Find(name[..^1], "dataset"));

        Assert.Equal((StatusCode.InvalidArgument, name), (failure.StatusCode, store.Find(name, "dataset").Dataset.Name));
    }

    [Fact]
    public void Read_RowsWithAnyByteChangedOrAnyEndMissing_AreNeverTakenForWhole()
    {
        var store = Open();
        var name = Publish(store, Rows(20)).Name;
        var path = Path.Combine(_folder.Path, name, "rows.bin");
        var bytes = File.ReadAllBytes(path);
        var random = new Random(1);
        for (var round = 0; round < 400; round++)
        {
            var damaged = (byte[])bytes.Clone();
            if (round % 2 == 0)
            {
                damaged[random.Next(damaged.Length)] ^= (byte)random.Next(1, 256);
            }
            else
            {
                damaged = damaged[..random.Next(damaged.Length)];
            }

            File.WriteAllBytes(path, damaged);
            var stored = new StoredDataset(Path.GetDirectoryName(path)!, StoredDataset.Load(Path.GetDirectoryName(path)!).Dataset);
            stored = stored.Dataset.Damage.Length > 0 ? stored with { Dataset = new Dataset { Name = name, Rows = 20, ContentHash = new string('0', 64) } } : stored;

            Assert.Equal(StatusCode.DataLoss, Assert.Throws<RpcException>(() => store.Read(stored).Count()).StatusCode);
        }
    }

    [Fact]
    public void Read_WhileItIsDeleted_GoesOnToTheEnd()
    {
        var store = Open();
        var stored = store.Find(Publish(store, Rows(5000)).Name, "dataset");
        using var rows = store.Read(stored).GetEnumerator();
        Assert.True(rows.MoveNext());

        store.Delete(stored);
        var read = 1;
        while (rows.MoveNext())
        {
            read++;
        }

        Assert.Equal((5000, StatusCode.NotFound), (read, Assert.Throws<RpcException>(() => store.Read(stored).First()).StatusCode));
    }

    [Fact]
    public void OfInput_WordsThatAreTheSame_HaveTheSameKeyAndSignsMakeADifference()
    {
        static UInt128 Key(params string[] segments)
        {
            var row = new Example();
            row.Segments.AddRange(segments);
            return RowKeys.OfInput(row);
        }

        Assert.Equal(Key("A dog, it ran."), Key(" a  DOG it ran"));
        Assert.Equal(Key("3+4"), Key("3 + 4"));
        Assert.NotEqual(Key("3 + 4"), Key("3 - 4"));
        Assert.NotEqual(Key("a", "b c"), Key("a b", "c"));
        Assert.NotEqual(Key("a b"), Key("a", "b"));
        Assert.NotEqual(Key("ab"), Key("a b"));
    }

    private static Example[] Rows(int count) => [.. Enumerable.Range(0, count).Select(i => new Example { Id = $"{i}", Segments = { $"Row {i} " + new string('x', i) }, Label = $"{i % 5}", Group = $"{i / 3}" })];

    private static Dataset Publish(DatasetStore store, Example[] rows)
    {
        using var writer = store.Begin();
        Array.ForEach(rows, row => Assert.Null(writer.Append(row)));
        return writer.Publish("name", new DatasetOrigin()).Dataset.Dataset;
    }

    private DatasetStore Open() => new(new StudentOptions(), _state, TimeProvider.System, NullLogger<DatasetStore>.Instance);
}
