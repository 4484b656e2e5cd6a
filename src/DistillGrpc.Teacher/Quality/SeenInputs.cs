using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Quality;

/// <summary>The inputs of one call so far. Not for several threads at once.</summary>
internal sealed class SeenInputs(DuplicateRule rule)
{
    // The band is a part of the hash already, but for the exact one.
    private readonly HashSet<long> _seen = [];

    /// <summary>Adds an input; says of what kind it repeats an earlier one, or null.</summary>
    public RejectionReason? Add(Example input) => Fingerprints.Repeats(input, rule, (_, hash) => _seen.Add(hash));
}
