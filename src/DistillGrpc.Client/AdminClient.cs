using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Asks how busy a Student is, and drains it.</summary>
/// <param name="channel">A channel to it, such as <see cref="DistillChannel.To"/>; stays the caller's.</param>
public sealed class AdminClient(ChannelBase channel)
{
    private readonly AdminService.AdminServiceClient _client = new(channel);

    /// <summary>What is loaded, how busy it is, and what it has room for. Cheap.</summary>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async Task<GetCapacityResponse> GetCapacityAsync(CancellationToken cancellationToken = default) =>
        await _client.GetCapacityAsync(new GetCapacityRequest(), cancellationToken: cancellationToken);

    /// <summary>Lets no further request for an answer in, and waits for those that are inside.</summary>
    /// <param name="wait">How long; null for as long as it takes.</param>
    /// <param name="cancellationToken">Ends the waiting; the Student stays drained.</param>
    /// <returns>Calls that are still inside.</returns>
    /// <exception cref="RpcException">The call failed; ABORTED where <see cref="ResumeAsync"/> came meanwhile.</exception>
    public async Task<long> DrainAsync(TimeSpan? wait = null, CancellationToken cancellationToken = default) =>
        (await _client.DrainAsync(new DrainRequest { Wait = wait is { } time ? Duration.FromTimeSpan(time) : null }, cancellationToken: cancellationToken)).Remaining;

    /// <summary>Lets requests in again.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task ResumeAsync(CancellationToken cancellationToken = default) =>
        await _client.ResumeAsync(new ResumeRequest(), cancellationToken: cancellationToken);
}
