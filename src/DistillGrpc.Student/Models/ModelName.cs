using System.Globalization;
using System.Text.RegularExpressions;
using DistillGrpc.Hosting;

namespace DistillGrpc.Student.Models;

/// <summary>A model, or one of its versions, as a caller names it.</summary>
/// <param name="Id">The model's id.</param>
/// <param name="Alias">The alias that is asked for, or null.</param>
/// <param name="Number">The version that is asked for, or null.</param>
internal sealed partial record ModelName(string Id, string? Alias, int? Number)
{
    /// <summary>The alias that answers under the model's name.</summary>
    public const string Stable = "stable";

    private const string Shape = "must look like models/{id}, models/{id}@{alias} or models/{id}/versions/{number}";

    /// <summary>Reads a name.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static ModelName Parse(string name, string field) => TryParse(name) ?? throw RpcFailure.InvalidArgument(field, Shape);

    /// <summary>Reads a name; null where it is none.</summary>
    public static ModelName? TryParse(string name)
    {
        var match = Pattern().Match(name);
        var number = 0;
        var isName = match.Success && (!match.Groups["number"].Success || int.TryParse(match.Groups["number"].Value, NumberStyles.None, CultureInfo.InvariantCulture, out number));
        return !isName ? null : new ModelName(match.Groups["id"].Value, match.Groups["alias"] is { Success: true, Value: var alias } ? alias : null, number > 0 ? number : null);
    }

    /// <summary>Reads the name of a model as a whole.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static string ParseModel(string name, string field) =>
        Pattern().IsMatch(name) && Parse(name, field) is { Alias: null, Number: null } model ? model.Id : throw RpcFailure.InvalidArgument(field, "must look like models/{id}");

    /// <summary>Reads the name of a version.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT naming the field.</exception>
    public static (string Id, int Number) ParseVersion(string name, string field) =>
        Pattern().IsMatch(name) && Parse(name, field) is { Number: { } number } version ? (version.Id, number) : throw RpcFailure.InvalidArgument(field, "must look like models/{id}/versions/{number}");

    /// <summary>The name of a model.</summary>
    public static string Of(string id) => $"models/{id}";

    /// <summary>The name of a version.</summary>
    public static string Of(string id, int number) => string.Create(CultureInfo.InvariantCulture, $"models/{id}/versions/{number}");

    /// <summary>Whether a text may be an id, or an alias.</summary>
    public static bool IsId(string id) => Id63().IsMatch(id);

    [GeneratedRegex(@"^models/(?<id>[a-z][a-z0-9-]{0,62})(@(?<alias>[a-z][a-z0-9-]{0,62})|/versions/(?<number>[1-9][0-9]{0,8}))?\z", RegexOptions.CultureInvariant | RegexOptions.ExplicitCapture, 1000)]
    private static partial Regex Pattern();

    [GeneratedRegex(@"^[a-z][a-z0-9-]{0,62}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Id63();
}
