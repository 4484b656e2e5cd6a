namespace DistillGrpc.Client.Examples;

/// <summary>The names of columns (CSV) or fields (JSONL) in files that were not written for this. Empty: the usual ones.</summary>
/// <param name="Inputs">The input: one name, or several for its segments. Every row must have them.</param>
/// <param name="Label">The gold label. Every row must have it, empty where it is not known.</param>
/// <param name="Id">The row's id. Every row must have it.</param>
public sealed record ExampleColumns(IReadOnlyList<string> Inputs, string Label = "", string Id = "")
{
    /// <summary>The usual names; see <see cref="ExampleReader"/>.</summary>
    public static ExampleColumns Usual { get; } = new([]);
}
