using Grpc.Core;
using Grpc.Health.V1;
using Microsoft.Extensions.Hosting;
using ServingStatus = Grpc.Health.V1.HealthCheckResponse.Types.ServingStatus;

namespace DistillGrpc.Hosting;

/// <summary>
/// Health by name, as it is when it is asked for: of the process, of its services, and of what its sources know, which may come and go while it runs.
/// A watcher is told of a change within a tenth of a second, and of the end of the process before its stream ends.
/// </summary>
internal sealed class HealthService(ServiceNames services, Readiness readiness, IEnumerable<HealthSource> sources, IHostApplicationLifetime lifetime, TimeProvider time) : Health.HealthBase
{
    // Looking is cheap, and nothing has to tell of a change: what fails tells nobody.
    private static readonly TimeSpan Period = TimeSpan.FromMilliseconds(100);

    // No name is longer; one that is would cost something ten times a second.
    private const int MaxName = 256;

    public override Task<HealthCheckResponse> Check(HealthCheckRequest request, ServerCallContext context) => StatusOf(request.Service) is var status and not ServingStatus.ServiceUnknown
        ? Task.FromResult(new HealthCheckResponse { Status = status })
        : throw RpcFailure.NotFound("SERVICE_UNKNOWN", "There is no service or model of this name.");

    public override async Task Watch(HealthCheckRequest request, IServerStreamWriter<HealthCheckResponse> responseStream, ServerCallContext context)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(context.CancellationToken, lifetime.ApplicationStopping);
        using var timer = new PeriodicTimer(Period, time);
        var told = default(ServingStatus?);
        do
        {
            await TellAsync();
        }
        while (await NextAsync(timer, ended.Token));

        await TellAsync();

        async Task TellAsync()
        {
            if (StatusOf(request.Service) is var status && status != told && !context.CancellationToken.IsCancellationRequested)
            {
                told = status;
                await responseStream.WriteAsync(new HealthCheckResponse { Status = status }, context.CancellationToken);
            }
        }
    }

    private ServingStatus StatusOf(string name)
    {
        if (name.Length > MaxName)
        {
            return ServingStatus.ServiceUnknown;
        }

        var said = sources.Select(source => source(name)).FirstOrDefault(said => said is not null);
        return said is null && !services.All.Contains(name) ? ServingStatus.ServiceUnknown
            : (said ?? true) && readiness.IsReady ? ServingStatus.Serving
            : ServingStatus.NotServing;
    }

    private static async Task<bool> NextAsync(PeriodicTimer timer, CancellationToken ended)
    {
        try
        {
            return await timer.WaitForNextTickAsync(ended);
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }
}
