using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;
using Grpc.Core;
using Grpc.Net.Client;

namespace DistillGrpc.EndToEnd.Tests.Datasets;

public sealed class DatasetFaultTests
{
    [Fact]
    public async Task Kill_WhileRowsAreUploaded_KeepsWhatWasAcknowledgedAndNothingElse()
    {
        using var folder = new TemporaryFolder();
        var state = $"--StateDirectory={folder.Path}";
        var acknowledged = new List<Dataset>();
        for (var round = 0; round < 3; round++)
        {
            using var student = await ServiceProcess.StudentAsync(state);
            using var channel = GrpcChannel.ForAddress(student.Address);
            var datasets = new DatasetClient(channel);
            foreach (var dataset in acknowledged)
            {
                Assert.Equal(dataset, await datasets.GetAsync(dataset.Name));
                Assert.Equal(dataset.Rows, await datasets.ReadAsync(dataset.Name).CountAsync());
            }

            Assert.Equal(acknowledged.Select(dataset => dataset.Name).Order(), (await datasets.ListAsync().ToListAsync()).Select(dataset => dataset.Name).Order());
            acknowledged.Add((await datasets.UploadAsync(new UploadSpec(), Rows($"whole{round}", 5000))).Dataset);
            var (number, underWay) = (round, new TaskCompletionSource());
            var broken = datasets.UploadAsync(new UploadSpec(), Rows($"half{number}", 200_000).Select(row =>
            {
                // Before it is complete, and at another place each time.
                if (row.Id == $"{(20_000 * number) + 3000}")
                {
                    underWay.TrySetResult();
                }

                return row;
            }));
            await underWay.Task;
            student.Kill();
            await Assert.ThrowsAnyAsync<Exception>(() => broken);
        }

        using var last = await ServiceProcess.StudentAsync(state);
        Assert.Equal(acknowledged.Select(dataset => dataset.Name["datasets/".Length..]).Order(), Directory.GetFileSystemEntries(Path.Combine(folder.Path, "datasets")).Select(Path.GetFileName).Order());
    }

    [SmallDiskFact]
    public async Task Upload_DiskThatIsFull_IsResourceExhaustedAndLeavesNothing()
    {
        using var folder = new TemporaryFolder();
        using var student = await ServiceProcess.StudentOnSmallDiskAsync(kibibytes: 800, folder.Path, $"--StateDirectory={folder.Path}");

        await RefusesAndGoesOnAsync(student, student.Inside(folder.Path));
    }

    [Fact]
    public async Task Upload_FileThatMayNotBecomeLarger_IsResourceExhaustedAndLeavesNothing()
    {
        using var folder = new TemporaryFolder();
        using var student = await ServiceProcess.StudentWithSmallFilesAsync(kibibytes: 1024, $"--StateDirectory={folder.Path}");

        await RefusesAndGoesOnAsync(student, folder.Path);
    }

    [Fact]
    public async Task Restart_DatasetsThatWereDamagedMeanwhile_AreListedAsSuchRefusedAndDeleted()
    {
        var pair = new RunningPair();
        await pair.InitializeAsync();
        var names = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            names.Add((await new DatasetClient(pair.Channel).UploadAsync(new UploadSpec { DisplayName = $"{i}" }, Rows($"restart{i}", 10))).Dataset.Name);
        }

        await pair.StopStudentAsync();
        string Place(int i, string file = "") => Path.Combine(pair.State, names[i], file);
        File.WriteAllBytes(Place(0, "rows.bin"), File.ReadAllBytes(Place(0, "rows.bin"))[..^1]);
        File.Delete(Place(1, "rows.bin"));
        File.WriteAllText(Place(2, "dataset.json"), "{");
        File.Copy(Place(4, "dataset.json"), Place(3, "dataset.json"), overwrite: true);
        Directory.CreateDirectory(Path.Combine(pair.State, "datasets", "unfinished-1"));
        Directory.CreateDirectory(Path.Combine(pair.State, "datasets", "somebody's"));
        await pair.StartStudentAsync();
        var datasets = new DatasetClient(pair.Channel);

        var damages = new[] { "rows.bin has", "rows.bin is not there", "dataset.json cannot be read", "dataset.json is another dataset's" };
        for (var i = 0; i < damages.Length; i++)
        {
            Assert.StartsWith(damages[i], (await datasets.GetAsync(names[i])).Damage, StringComparison.Ordinal);
            var refused = await Assert.ThrowsAsync<RpcException>(async () => await datasets.ReadAsync(names[i]).ToListAsync());
            Assert.Equal((StatusCode.DataLoss, "DATASET_DAMAGED"), (refused.StatusCode, RpcErrors.Reason(refused)));
            Assert.Contains(damages[i], refused.Status.Detail, StringComparison.Ordinal);
        }

        Assert.Equal(5, (await datasets.ListAsync().ToListAsync()).Count);
        Assert.Equal((10, ""), (await datasets.ReadAsync(names[4]).CountAsync(), (await datasets.GetAsync(names[4])).Damage));
        await datasets.DeleteAsync(names[0]);
        // Uploaded again, it is whole.
        Assert.False((await datasets.UploadAsync(new UploadSpec(), Rows("restart1", 10))).Existed);
        Assert.Equal(10, await datasets.ReadAsync(names[1]).CountAsync());
        Assert.False(Directory.Exists(Path.Combine(pair.State, "datasets", "unfinished-1")));
        Assert.True(Directory.Exists(Path.Combine(pair.State, "datasets", "somebody's")));
        await pair.DisposeAsync();
    }

    [Fact]
    public async Task Limits_OfTheOperator_AreKept()
    {
        var pair = new RunningPair();
        await pair.InitializeAsync();
        await pair.StopStudentAsync();
        await pair.StartStudentAsync("--MaxDatasets=2", "--MaxDatasetRows=100", "--MaxDatasetBytes=5000", "--MaxDatasetRowBytes=1000", "--MaxReceiveBytes=20000", "--MaxUploads=1");
        var datasets = new DatasetClient(pair.Channel);
        async Task<string?> RefusedAsync(IAsyncEnumerable<Example> rows)
        {
            var refused = await Assert.ThrowsAsync<RpcException>(() => datasets.UploadAsync(new UploadSpec(), rows));
            Assert.Equal(StatusCode.ResourceExhausted, refused.StatusCode);
            return RpcErrors.Reason(refused);
        }

        Assert.Equal("TOO_MANY_ROWS", await RefusedAsync(Rows("", 101)));
        Assert.Equal("DATASET_TOO_LARGE", await RefusedAsync(Rows("", 50).Select(row => new Example(row) { Rationale = new string('x', 500) })));
        Assert.Null(await RefusedAsync(Rows("", 2).Select(row => new Example(row) { Rationale = new string('x', 50_000) })));
        var long1 = await datasets.UploadAsync(new UploadSpec(), Rows("", 2).Select(row => row.Id == "0" ? row : new Example(row) { Rationale = new string('x', 1000) }));
        Assert.Equal("ROW_TOO_LARGE", long1.Rejected.Single().Error.Reason);

        var release = new TaskCompletionSource();
        var held = datasets.UploadAsync(new UploadSpec(), Rows("held", 1).Concat(Rows("late", 1).Select(async (Example row, CancellationToken _) =>
        {
            await release.Task;
            return row;
        })));
        while (Directory.GetDirectories(Path.Combine(pair.State, "datasets"), "unfinished-*").Length == 0)
        {
            await Task.Delay(20);
        }

        Assert.Equal("TOO_MANY_UPLOADS", await RefusedAsync(Rows("second", 1)));
        release.SetResult();
        // Both rows have the id 0.
        Assert.Equal((1, 1), ((await held).Dataset.Rows, (await held).RejectedCount));
        Assert.Equal("TOO_MANY_DATASETS", await RefusedAsync(Rows("third", 1)));
        await pair.DisposeAsync();
    }

    [Fact]
    public async Task Upload_BytesThatAreNoMessageOrNoUtf8_EndTheCallAndKeepNothing()
    {
        var pair = new RunningPair();
        await pair.InitializeAsync();
        var raw = new Method<byte[], UploadDatasetResponse>(
            MethodType.ClientStreaming, DatasetService.Descriptor.FullName, "UploadDataset", Marshallers.Create(bytes => bytes, bytes => bytes), Marshallers.Create(message => message.ToByteArray(), UploadDatasetResponse.Parser.ParseFrom));
        var spec = new UploadDatasetRequest { Spec = new UploadSpec() }.ToByteArray();
        var row = new UploadDatasetRequest { Row = await Rows("wire", 1).FirstAsync() }.ToByteArray();
        // The last byte but two of the row's segment becomes a byte that no UTF-8 has.
        var notUtf8 = row.Select((value, i) => i == row.Length - 3 ? (byte)0xff : value).ToArray();
        foreach (var broken in new[] { row[..^4], [0xff, 0xff, 0xff], notUtf8 })
        {
            var failure = await Assert.ThrowsAsync<RpcException>(() => UploadCall.RunAsync(
                _ => pair.Channel.CreateCallInvoker().AsyncClientStreamingCall(raw, null, new CallOptions()), new[] { spec, broken }.ToAsyncEnumerable(), CancellationToken.None));
            Assert.True(failure.StatusCode is StatusCode.Internal or StatusCode.InvalidArgument, $"{failure.Status}");
        }

        Assert.Empty(await new DatasetClient(pair.Channel).ListAsync().ToListAsync());
        await pair.DisposeAsync();
    }

    private static async Task RefusesAndGoesOnAsync(ServiceProcess student, string state)
    {
        using var channel = GrpcChannel.ForAddress(student.Address);
        var datasets = new DatasetClient(channel);

        var failure = await Assert.ThrowsAsync<RpcException>(() => datasets.UploadAsync(new UploadSpec(), Rows("large", 50_000)));
        var small = (await datasets.UploadAsync(new UploadSpec(), Rows("small", 10_000))).Dataset;
        // What is left does not suffice for both parts.
        var split = new SplitDatasetRequest { Name = small.Name, Fractions = { new SplitFraction { Name = "a", Fraction = 0.5 }, new SplitFraction { Name = "b", Fraction = 0.5 } } };
        var rest = state.StartsWith("/proc", StringComparison.Ordinal) ? await Assert.ThrowsAsync<RpcException>(() => datasets.SplitAsync(split)) : failure;

        Assert.All([failure, rest], refused => Assert.Equal((StatusCode.ResourceExhausted, "DISK_FULL"), (refused.StatusCode, RpcErrors.Reason(refused))));
        Assert.NotNull(RpcErrors.RetryDelay(failure));
        Assert.Equal(10_000, await datasets.ReadAsync(small.Name).CountAsync());
        Assert.Equal([small.Name["datasets/".Length..]], Directory.GetFileSystemEntries(Path.Combine(state, "datasets")).Select(path => Path.GetFileName(path)!));
    }

    private static IAsyncEnumerable<Example> Rows(string name, int count) => AsyncEnumerable.Range(0, count).Select(i => new Example { Id = $"{i}", Label = "l", Segments = { $"{name} says {i} and goes on for a while" } });
}
