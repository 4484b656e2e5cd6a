using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training;
using Grpc.Core;

namespace DistillGrpc.Student.Serving;

/// <summary>What the Teacher says to an input: the rationale that a model reads its label from, or an answer in the place of one.</summary>
internal sealed class GivenRationales(TeacherConnection teacher)
{
    /// <summary>The Teacher's rationale of an input.</summary>
    /// <exception cref="RpcException">FAILED_PRECONDITION without a configured Teacher, or where it gave none; UNAVAILABLE where it cannot be reached; what it refused.</exception>
    public async Task<string> AskAsync(ModelCard card, IReadOnlyList<string> segments, CancellationToken cancellationToken)
    {
        var result = await AnswerAsync("The model reads its label from a rationale, and none is given", card.Teacher, card.Prompt, segments, cancellationToken);
        return result.Rationale.Length > 0
            ? result.Rationale
            : throw RpcFailure.FailedPrecondition("NO_RATIONALE", $"The Teacher gave no rationale{(result.Error is { } error ? $": {error.Message}" : "")}.");
    }

    /// <summary>The Teacher's answer to an input.</summary>
    /// <param name="need">Why it is needed, as the beginning of a sentence.</param>
    /// <param name="named">Who is asked, <c>teachers/{id}</c>; empty for the Teacher's default.</param>
    /// <param name="prompt">The prompt, <c>prompts/{id}</c>; empty for that teacher's default.</param>
    /// <param name="segments">The input.</param>
    /// <param name="cancellationToken">Cancels the call.</param>
    /// <exception cref="RpcException">FAILED_PRECONDITION without a configured Teacher; UNAVAILABLE where it cannot be reached; what it refused.</exception>
    public async Task<RationaleResult> AnswerAsync(string need, string named, string prompt, IReadOnlyList<string> segments, CancellationToken cancellationToken)
    {
        var client = new TeacherClient(teacher.Channel(need));
        var input = new Example { Id = "1" };
        input.Segments.AddRange(segments);
        var spec = new RationaleSpec { Teacher = named, Prompt = prompt };
        try
        {
            var results = client.GenerateRationalesAsync(spec, new[] { input }.ToAsyncEnumerable(), cancellationToken);
            return await results.Select(response => response.Result).FirstOrDefaultAsync(result => result is not null, cancellationToken) ?? new RationaleResult();
        }
        catch (RpcException away) when (TeacherConnection.IsAway(away) && !cancellationToken.IsCancellationRequested)
        {
            throw teacher.Unavailable(away);
        }
    }
}
