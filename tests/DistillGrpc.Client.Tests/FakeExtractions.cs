using System.Collections.Concurrent;
using System.Net;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Hosting.Server;
using Microsoft.AspNetCore.Hosting.Server.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.Client.Tests;

/// <summary>Extractions on a free loopback port whose watch streams end as a test has written it.</summary>
internal sealed class FakeExtractions : ExtractionService.ExtractionServiceBase, IAsyncDisposable
{
    private WebApplication? _app;

    /// <summary>Carries out the connections to the watch stream, one after the other; the last repeats.</summary>
    public List<Func<WatchExtractionRequest, IServerStreamWriter<WatchExtractionResponse>, Task>> Watches { get; } = [];

    public ConcurrentQueue<WatchExtractionRequest> Watched { get; } = [];

    public ConcurrentQueue<AppendInputsRequest> Appended { get; } = [];

    public Uri Address => new(_app!.Services.GetRequiredService<IServer>().Features.Get<IServerAddressesFeature>()!.Addresses.First());

    public static async Task<FakeExtractions> StartAsync()
    {
        var fake = new FakeExtractions();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(kestrel => kestrel.Listen(IPAddress.Loopback, 0, endpoint => endpoint.Protocols = HttpProtocols.Http2));
        builder.Services.AddGrpc();
        builder.Services.AddSingleton(fake);
        fake._app = builder.Build();
        fake._app.MapGrpcService<FakeExtractions>();
        await fake._app.StartAsync();
        return fake;
    }

    public override Task WatchExtraction(WatchExtractionRequest request, IServerStreamWriter<WatchExtractionResponse> responseStream, ServerCallContext context)
    {
        Watched.Enqueue(request);
        return Watches[Math.Min(Watched.Count, Watches.Count) - 1](request, responseStream);
    }

    public override async Task<AppendInputsResponse> AppendInputs(IAsyncStreamReader<AppendInputsRequest> requestStream, ServerCallContext context)
    {
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            Appended.Enqueue(request);
            if (request.Input?.Id == "refused")
            {
                throw new RpcException(new Status(StatusCode.FailedPrecondition, "it has ended"));
            }
        }

        return new AppendInputsResponse { Appended = Appended.Count - 1 };
    }

    public override Task<ListExtractionsResponse> ListExtractions(ListExtractionsRequest request, ServerCallContext context)
    {
        var page = request.PageToken.Length == 0 ? 0 : int.Parse(request.PageToken);
        return Task.FromResult(new ListExtractionsResponse
        {
            Extractions = { new Extraction { Name = $"extractions/{page}-a" }, new Extraction { Name = $"extractions/{page}-b" } },
            NextPageToken = page < 2 ? $"{page + 1}" : "",
        });
    }

    public override Task<ResumeExtractionResponse> ResumeExtraction(ResumeExtractionRequest request, ServerCallContext context) =>
        Task.FromResult(new ResumeExtractionResponse { Extraction = new Extraction { Name = request.Name, Reason = request.HasBudgetNanos ? $"{request.BudgetNanos}" : "none" } });

    public async ValueTask DisposeAsync() => await _app!.DisposeAsync();
}
