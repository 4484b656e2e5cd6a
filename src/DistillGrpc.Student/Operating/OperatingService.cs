using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving;
using DistillGrpc.Student.Serving.Caching;
using DistillGrpc.Student.Serving.Explaining;
using Grpc.Core;

namespace DistillGrpc.Student.Operating;

/// <summary>What an operator, or a load balancer, asks of the process.</summary>
internal sealed class OperatingService(ModelCatalog catalog, InferenceGate gate, ResponseCache cache, PinnedVersions pinned, StudentOptions options) : AdminService.AdminServiceBase
{
    private static readonly TimeSpan MaxWait = TimeSpan.FromDays(1);

    public override Task<GetCapacityResponse> GetCapacity(GetCapacityRequest request, ServerCallContext context)
    {
        var (resident, threads) = ProcessFigures.Read();
        var response = new GetCapacityResponse
        {
            Process = new ProcessCapacity
            {
                ResidentBytes = resident,
                Threads = threads,
                Draining = gate.IsDraining,
                InferenceCalls = gate.Inside,
                CachedBytes = cache.Bytes,
                MaxCachedBytes = options.ResponseCacheBytes,
                ManagedBytes = GC.GetTotalMemory(forceFullCollection: false),
            },
        };
        response.Versions.AddRange(catalog.All.SelectMany(model => model.Served.OrderBy(version => version.Key)).Select(version => version.Value.Capacity()));
        response.Versions.AddRange(pinned.Loaded.OrderBy(version => version.Name, StringComparer.Ordinal).Select(ExplainsOnly));
        return Task.FromResult(response);
    }

    public override async Task<DrainResponse> Drain(DrainRequest request, ServerCallContext context)
    {
        RpcFailure.Require(request.Wait is null || IsUsable(request.Wait), "wait", "must be 0 to a day");
        return new DrainResponse { Remaining = await gate.DrainAsync(request.Wait?.ToTimeSpan(), context.CancellationToken) };
    }

    public override Task<ResumeResponse> Resume(ResumeRequest request, ServerCallContext context)
    {
        gate.Resume();
        return Task.FromResult(new ResumeResponse());
    }

    private static VersionCapacity ExplainsOnly(ServedModel version)
    {
        var capacity = version.Capacity();
        capacity.ExplainsOnly = true;
        return capacity;
    }

    // What is no duration at all cannot be converted.
    private static bool IsUsable(Google.Protobuf.WellKnownTypes.Duration wait) =>
        wait is { Seconds: >= 0, Nanos: >= 0 and < 1_000_000_000 } && wait.Seconds <= MaxWait.TotalSeconds && wait.ToTimeSpan() <= MaxWait;
}
