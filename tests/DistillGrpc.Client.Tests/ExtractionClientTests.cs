using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Grpc.Net.Client;
using Microsoft.Extensions.Time.Testing;

namespace DistillGrpc.Client.Tests;

public sealed class ExtractionClientTests : IAsyncLifetime
{
    private readonly FakeTimeProvider _time = new() { AutoAdvanceAmount = TimeSpan.Zero };
    private FakeExtractions _service = null!;
    private GrpcChannel _channel = null!;

    private ExtractionClient Client => new(_channel, _time);

    public async Task InitializeAsync()
    {
        _service = await FakeExtractions.StartAsync();
        // Without the channel's own retries: a test counts connections.
        _channel = GrpcChannel.ForAddress(_service.Address);
    }

    public async Task DisposeAsync()
    {
        _channel.Dispose();
        await _service.DisposeAsync();
    }

    [Fact]
    public async Task Watch_StreamThatIsCutAndSendsRowsAgain_HasNoGapAndNoDuplicate()
    {
        _service.Watches.Add(Sends(2, 4, 7));
        _service.Watches.Add(Cut);
        // This one begins one row too early.
        _service.Watches.Add(Sends(7, 8));
        _service.Watches.Add(Ends(9, 12));

        var watching = Client.WatchAsync("extractions/x", 1, RowFilter.Accepted, follow: true).Select(e => e.Sequence).ToListAsync().AsTask();
        await AdvanceUntilAsync(watching);

        Assert.Equal([2, 4, 7, 8, 9, 12], await watching);
        Assert.Equal([1, 7, 7, 8], _service.Watched.Select(request => request.AfterSequence));
        Assert.All(_service.Watched, request => Assert.Equal(("extractions/x", RowFilter.Accepted, true), (request.Name, request.Rows, request.Follow)));
    }

    [Fact]
    public async Task Watch_StateThatIsToldAgain_ComesThrough()
    {
        _service.Watches.Add(async (_, stream) =>
        {
            await stream.WriteAsync(State(3));
            await stream.WriteAsync(State(3));
        });

        Assert.Equal(2, await Client.WatchAsync("extractions/x", 3, RowFilter.Unspecified, follow: false).CountAsync());
    }

    [Fact]
    public async Task Watch_TeacherThatStaysAway_IsGivenUpAfterGrowingWaits()
    {
        _service.Watches.Add(Sends(1));
        _service.Watches.Add(Cut);
        var started = _time.GetUtcNow();

        var watching = Client.WatchAsync("extractions/x", 0, RowFilter.All, follow: true).CountAsync().AsTask();
        await AdvanceUntilAsync(watching);

        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(() => watching)).StatusCode);
        Assert.Equal(1 + ExtractionClient.MaxReconnects, _service.Watched.Count);
        // 0.5 + 1 + 2 + 4 + 8 + 16 + 30 + 30 seconds.
        Assert.InRange((_time.GetUtcNow() - started).TotalSeconds, 91.5, 1000);
    }

    [Fact]
    public async Task Watch_FirstConnectionOrAnotherStatus_FailsAtOnce()
    {
        _service.Watches.Add(Cut);
        Assert.Equal(StatusCode.Unavailable, (await Assert.ThrowsAsync<RpcException>(async () => await Client.WatchAsync("extractions/x", 0, RowFilter.All, true).CountAsync())).StatusCode);
        _service.Watches.Add(async (_, stream) =>
        {
            await stream.WriteAsync(Row(1));
            throw new RpcException(new Status(StatusCode.NotFound, "deleted"));
        });

        Assert.Equal(StatusCode.NotFound, (await Assert.ThrowsAsync<RpcException>(async () => await Client.WatchAsync("extractions/x", 0, RowFilter.All, true).CountAsync())).StatusCode);
        Assert.Equal(2, _service.Watched.Count);
    }

    [Fact]
    public async Task Append_Inputs_FollowTheTarget()
    {
        var response = await Client.AppendInputsAsync("extractions/x", Inputs("a", "b"), complete: true);

        Assert.Equal(2, response.Appended);
        Assert.Equal(new InputTarget { Extraction = "extractions/x", Complete = true }, _service.Appended.First().Target);
        Assert.Equal(["a", "b"], _service.Appended.Skip(1).Select(request => request.Input.Id));
    }

    [Fact]
    public async Task Append_ServiceThatEndsTheCallOrSourceThatFails_SaysWhy()
    {
        var many = Enumerable.Repeat(new Example { Id = "refused", Segments = { new string('x', 10_000) } }, 2000).ToAsyncEnumerable();
        Assert.Equal("it has ended", (await Assert.ThrowsAsync<RpcException>(() => Client.AppendInputsAsync("extractions/x", many, complete: true))).Status.Detail);

        static async IAsyncEnumerable<Example> FailingAsync()
        {
            yield return new Example { Id = "a" };
            await Task.Yield();
            throw new InvalidDataException("line 2");
        }

        Assert.Equal("line 2", (await Assert.ThrowsAsync<InvalidDataException>(() => Client.AppendInputsAsync("extractions/x", FailingAsync(), complete: true))).Message);
    }

    [Fact]
    public async Task List_SeveralPages_GivesAllOfThem() =>
        Assert.Equal(["0-a", "0-b", "1-a", "1-b", "2-a", "2-b"], await Client.ListAsync().Select(extraction => extraction.Name["extractions/".Length..]).ToListAsync());

    [Fact]
    public async Task Resume_BudgetOfZeroAndNone_AreNotTheSame()
    {
        Assert.Equal("none", (await Client.ResumeAsync("extractions/x")).Reason);
        Assert.Equal("0", (await Client.ResumeAsync("extractions/x", 0)).Reason);
    }

    private static Func<WatchExtractionRequest, IServerStreamWriter<WatchExtractionResponse>, Task> Ends(params long[] rows) => async (_, stream) =>
    {
        foreach (var row in rows)
        {
            await stream.WriteAsync(Row(row));
        }
    };

    private static Func<WatchExtractionRequest, IServerStreamWriter<WatchExtractionResponse>, Task> Sends(params long[] rows) => async (request, stream) =>
    {
        await Ends(rows)(request, stream);
        await Cut(request, stream);
    };

    private static Task Cut(WatchExtractionRequest request, IServerStreamWriter<WatchExtractionResponse> stream) => throw new RpcException(new Status(StatusCode.Unavailable, "restarting"));

    private static WatchExtractionResponse Row(long sequence) => new() { Sequence = sequence, Row = new ExtractionRow() };

    private static WatchExtractionResponse State(long sequence) => new() { Sequence = sequence, Extraction = new Extraction() };

    private static IAsyncEnumerable<Example> Inputs(params string[] ids) => ids.Select(id => new Example { Id = id, Segments = { id } }).ToAsyncEnumerable();

    private async Task AdvanceUntilAsync(Task done)
    {
        while (!done.IsCompleted)
        {
            _time.Advance(TimeSpan.FromMilliseconds(100));
            await Task.WhenAny(done, Task.Delay(1));
        }
    }
}
