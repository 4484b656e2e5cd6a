using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training;
using Grpc.Core;

namespace DistillGrpc.Student.Serving;

/// <summary>The rationales that a model reads its labels from: those that callers give, else the Teacher's.</summary>
internal sealed class GivenRationales(TeacherConnection teacher)
{
    /// <summary>The Teacher's rationale of an input.</summary>
    /// <exception cref="RpcException">FAILED_PRECONDITION without a configured Teacher, or where it gave none; UNAVAILABLE where it cannot be reached; what it refused.</exception>
    public async Task<string> AskAsync(ModelCard card, IReadOnlyList<string> segments, CancellationToken cancellationToken)
    {
        var client = new TeacherClient(teacher.Channel("The model reads its label from a rationale, and none is given"));
        var input = new Example { Id = "1" };
        input.Segments.AddRange(segments);
        var spec = new RationaleSpec { Teacher = card.Teacher, Prompt = card.Prompt };
        try
        {
            var results = client.GenerateRationalesAsync(spec, new[] { input }.ToAsyncEnumerable(), cancellationToken);
            var result = await results.Select(response => response.Result).FirstOrDefaultAsync(result => result is not null, cancellationToken);
            return result?.Rationale.Length > 0
                ? result.Rationale
                : throw RpcFailure.FailedPrecondition("NO_RATIONALE", $"The Teacher gave no rationale{(result?.Error is { } error ? $": {error.Message}" : "")}.");
        }
        catch (RpcException away) when (TeacherConnection.IsAway(away) && !cancellationToken.IsCancellationRequested)
        {
            throw teacher.Unavailable(away);
        }
    }
}
