using System.Security.Cryptography;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>A run that is to be made.</summary>
/// <param name="Cell">Which one.</param>
/// <param name="Id">Of its job and of its model: the sweep's name, the variant's, and the hash of all that is trained, so that the same run is the same job, and another one another.</param>
/// <param name="Spec">What is trained.</param>
/// <param name="Rows">Rows that there are to learn from.</param>
internal sealed record PlannedRun(Cell Cell, string Id, TrainingSpec Spec, long Rows)
{
    /// <summary>The alias of the sweep's models: not the one that answers under a model's name.</summary>
    public const string Alias = "sweep";

    private const int MostOfVariant = 26;
    private const int Digits = 10;

    /// <summary>Gives a run its id.</summary>
    public static PlannedRun Create(string sweep, Cell cell, TrainingSpec spec, long rows)
    {
        var variant = string.Concat(cell.Variant.ToLowerInvariant().Select(letter => char.IsAsciiLetterOrDigit(letter) ? letter : '-'));
        var id = $"{sweep}-{variant[..Math.Min(variant.Length, MostOfVariant)]}-{Convert.ToHexStringLower(SHA256.HashData(spec.ToByteArray()))[..Digits]}";
        var named = spec.Clone();
        (named.ModelId, named.Alias) = (id, Alias);
        return new PlannedRun(cell, id, named, rows);
    }
}
