using System.Runtime.CompilerServices;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Client;

/// <summary>Asks a Teacher.</summary>
/// <param name="channel">A channel to it, such as <see cref="DistillChannel.To"/>; stays the caller's.</param>
public sealed class TeacherClient(ChannelBase channel)
{
    private readonly TeacherService.TeacherServiceClient _client = new(channel);

    /// <summary>Streams inputs to the teacher and its results back, as they finish.</summary>
    /// <param name="spec">How to ask.</param>
    /// <param name="inputs">The inputs; read as fast as the Teacher takes them.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public IAsyncEnumerable<GenerateRationalesResponse> GenerateRationalesAsync(
        RationaleSpec spec, IAsyncEnumerable<Example> inputs, CancellationToken cancellationToken = default) =>
        DuplexCall.RunAsync(
            token => _client.GenerateRationales(cancellationToken: token),
            inputs.Select(input => new GenerateRationalesRequest { Input = input }).Prepend(new GenerateRationalesRequest { Spec = spec }),
            cancellationToken);

    /// <summary>Has a teacher invent inputs; they come one by one, and a summary is last.</summary>
    /// <param name="request">What for, and how many.</param>
    /// <param name="cancellationToken">Cancels the call; answers that were paid for stay kept.</param>
    /// <exception cref="RpcException">The call failed; <see cref="RpcErrors.Describe"/> says why.</exception>
    public async IAsyncEnumerable<InventInputsResponse> InventInputsAsync(
        InventInputsRequest request, [EnumeratorCancellation] CancellationToken cancellationToken = default)
    {
        using var call = _client.InventInputs(request, cancellationToken: cancellationToken);
        await foreach (var response in call.ResponseStream.ReadAllAsync(cancellationToken))
        {
            yield return response;
        }
    }

    /// <summary>What was spent, by teacher, extraction and tag; asked for page by page.</summary>
    /// <exception cref="RpcException">A call failed.</exception>
    public IAsyncEnumerable<Account> ListAccountsAsync(CancellationToken cancellationToken = default) => Pages.AllAsync<Account>(
        async (token, cancelled) =>
        {
            var page = await _client.ListAccountsAsync(new ListAccountsRequest { PageSize = Pages.Size, PageToken = token }, cancellationToken: cancelled);
            return (page.Accounts, page.NextPageToken);
        },
        cancellationToken);

    /// <summary>The teachers that the operator has configured.</summary>
    /// <exception cref="RpcException">The call failed.</exception>
    public async Task<IReadOnlyList<Contracts.V1.Teacher>> ListTeachersAsync(CancellationToken cancellationToken = default) =>
        (await _client.ListTeachersAsync(new ListTeachersRequest(), cancellationToken: cancellationToken)).Teachers;
}
