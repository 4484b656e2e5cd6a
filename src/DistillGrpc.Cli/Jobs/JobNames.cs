using DistillGrpc.Client;
using Grpc.Core;

namespace DistillGrpc.Cli.Jobs;

/// <summary>Finds the service of a job: by its whole name, or, where people write an id alone, by who has one of it.</summary>
internal static class JobNames
{
    /// <summary>The job's service and name.</summary>
    /// <param name="services">The services.</param>
    /// <param name="given">A name or an id.</param>
    /// <param name="cancellationToken">Cancels the calls.</param>
    /// <exception cref="InvalidDataException">Several have one of this id, or none that could be asked.</exception>
    /// <exception cref="RpcException">They could not be asked.</exception>
    public static async Task<(IJobs Jobs, string Name)> FindAsync(IReadOnlyList<IJobs> services, string given, CancellationToken cancellationToken)
    {
        if (services.FirstOrDefault(jobs => given.StartsWith(jobs.Collection, StringComparison.Ordinal)) is { } named)
        {
            return (named, given);
        }

        var asked = await Task.WhenAll(services.Select(async jobs => (Jobs: jobs, Answer: await AskAsync(jobs, given, cancellationToken))));
        var found = asked.Where(answer => answer.Answer is null).Select(answer => answer.Jobs).ToArray();
        if (found is [var only])
        {
            return (only, only.Collection + given);
        }

        if (found.Length > 1)
        {
            throw new InvalidDataException($"'{given}' names several jobs: {string.Join(" and ", found.Select(jobs => jobs.Collection + given))}.");
        }

        throw NotFound(given, [.. asked.Select(answer => (answer.Jobs, answer.Answer!))]);
    }

    // Who could not be asked may have it.
    private static Exception NotFound(string id, IReadOnlyList<(IJobs Jobs, RpcException Failure)> asked)
    {
        var none = string.Join(" ", asked.Where(answer => answer.Failure.StatusCode == StatusCode.NotFound).Select(answer => RpcErrors.Describe(answer.Failure)));
        var away = string.Join(" and ", asked.Where(answer => IsAway(answer.Failure)).Select(answer => answer.Jobs.Collection + id));
        return asked.Select(answer => answer.Failure).FirstOrDefault(failure => failure.StatusCode != StatusCode.NotFound && !IsAway(failure)) is { } other ? other
            : none.Length == 0 ? asked[0].Failure
            : new InvalidDataException(away.Length > 0 ? $"{none} Who could have {away} cannot be reached." : none);
    }

    private static bool IsAway(RpcException failure) => failure.StatusCode == StatusCode.Unavailable || RpcErrors.IsSilence(failure);

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
