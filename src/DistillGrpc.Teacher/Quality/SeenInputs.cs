using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Quality;

/// <summary>The inputs of one call so far. Not for several threads at once.</summary>
internal sealed class SeenInputs(DuplicateRule rule)
{
    // The band is a part of the hash already, but for the exact one.
    private readonly HashSet<long> _seen = [];

    /// <summary>Adds an input; says of what kind it repeats an earlier one, or null.</summary>
    public RejectionReason? Add(Example input)
    {
        var (isFirst, isUnlike) = (true, true);
        foreach (var fingerprint in Fingerprints.Of(input, rule))
        {
            var isNew = _seen.Add(fingerprint.Hash);
            isFirst &= isNew || fingerprint.Band != Fingerprints.ExactBand;
            isUnlike &= isNew;
        }

        return !isFirst ? RejectionReason.Duplicate : !isUnlike ? RejectionReason.NearDuplicate : null;
    }
}
