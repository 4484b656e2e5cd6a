using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Teaching;

/// <summary>A Teacher that answers every input as a test has written it, and remembers what it was asked.</summary>
internal sealed class FakeTeacher(Func<Example, RationaleResult> answer) : TeacherService.TeacherServiceBase
{
    public RationaleSpec? Spec { get; private set; }

    public override async Task GenerateRationales(
        IAsyncStreamReader<GenerateRationalesRequest> requestStream, IServerStreamWriter<GenerateRationalesResponse> responseStream, ServerCallContext context)
    {
        await foreach (var request in requestStream.ReadAllAsync(context.CancellationToken))
        {
            Spec = request.Spec ?? Spec;
            if (request.Input is { } input)
            {
                await responseStream.WriteAsync(new GenerateRationalesResponse { Result = answer(input) }, context.CancellationToken);
            }
        }
    }
}
