using System.Text.RegularExpressions;

namespace DistillGrpc.Hosting;

/// <summary>Ids that callers choose for what is theirs: 1 to 63 of a-z, 0-9 and '-'.</summary>
public static partial class ResourceId
{
    /// <summary>Whether a text is an id.</summary>
    public static bool IsId(string text) => Id().IsMatch(text);

    /// <summary>Refuses a field that is neither empty nor an id.</summary>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT, with the field.</exception>
    public static void RequireOptional(string text, string field) => RpcFailure.Require(text.Length == 0 || IsId(text), field, "must be 1 to 63 of a-z, 0-9 and '-'");

    [GeneratedRegex(@"^[a-z0-9-]{1,63}\z", RegexOptions.CultureInvariant, 1000)]
    private static partial Regex Id();
}
