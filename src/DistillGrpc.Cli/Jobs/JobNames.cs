using DistillGrpc.Client;
using Google.Protobuf;
using Grpc.Core;

namespace DistillGrpc.Cli.Jobs;

/// <summary>Finds the service of a job: by its whole name, or, where people write an id alone, by who has one of it.</summary>
internal static class JobNames
{
    /// <summary>The job's service and name.</summary>
    /// <param name="services">The services.</param>
    /// <param name="given">A name or an id.</param>
    /// <param name="cancellationToken">Cancels the calls.</param>
    /// <exception cref="InvalidDataException">Several have one of this id.</exception>
    /// <exception cref="RpcException">None has, or one that might could not be asked.</exception>
    public static async Task<(IJobs Jobs, string Name)> FindAsync(IReadOnlyList<IJobs> services, string given, CancellationToken cancellationToken)
    {
        if (services.FirstOrDefault(jobs => given.StartsWith(jobs.Collection, StringComparison.Ordinal)) is { } named)
        {
            return (named, given);
        }

        var asked = await Task.WhenAll(services.Select(async jobs => (Jobs: jobs, Answer: await AskAsync(jobs, given, cancellationToken))));
        var found = asked.Where(answer => answer.Answer is null).Select(answer => answer.Jobs).ToArray();
        return found switch
        {
            [var only] => (only, only.Collection + given),
            [] => throw (asked.Select(answer => answer.Answer!).FirstOrDefault(failure => failure.StatusCode is not (StatusCode.NotFound or StatusCode.Unavailable)) ?? asked.Select(answer => answer.Answer!).FirstOrDefault(failure => failure.StatusCode == StatusCode.NotFound) ?? asked[0].Answer!),
            _ => throw new InvalidDataException($"'{given}' names several jobs: {string.Join(" and ", found.Select(jobs => jobs.Collection + given))}."),
        };
    }

    private static async Task<RpcException?> AskAsync(IJobs jobs, string id, CancellationToken cancellationToken)
    {
        try
        {
            await jobs.GetAsync(jobs.Collection + id, cancellationToken);
            return null;
        }
        catch (RpcException failure)
        {
            return failure;
        }
    }
}
