namespace DistillGrpc.Hosting;

/// <summary>The names that health knows of a process: its gRPC services', and the empty one for the process.</summary>
/// <param name="All">The names.</param>
internal sealed record ServiceNames(IReadOnlySet<string> All)
{
    public static ServiceNames Of(IEnumerable<string> services) => new(services.Append("").ToHashSet(StringComparer.Ordinal));
}
