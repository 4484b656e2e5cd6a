using DistillGrpc.Contracts.V1;

namespace DistillGrpc.EndToEnd.Tests.Modes;

/// <summary>
/// A task that a student of the smallest size learns in seconds: how a color feels. The teacher of these rows is always wrong, and in the same way, so that
/// an answer says which target it was learnt from.
/// </summary>
internal static class FeelingRows
{
    public static readonly string[] Feelings = ["warm", "cold", "plain"];
    private static readonly string[][] Colors = [["red", "orange", "yellow"], ["blue", "green", "violet"], ["black", "white", "grey"]];
    private static readonly string[] Things = ["door", "lamp", "boat", "cup", "hat", "car", "wall", "shoe", "bag", "pen"];

    /// <summary>What the teacher says to a gold label.</summary>
    public static string Wrong(string label) => Feelings[(Array.IndexOf(Feelings, label) + 1) % Feelings.Length];

    /// <summary>Rows to learn from: seven things in every color, with gold label, wrong teacher's label and the teacher's rationale.</summary>
    public static IReadOnlyList<Example> Training() => [.. All(Things[..7])];

    /// <summary>Other things in the same colors.</summary>
    public static IReadOnlyList<Example> HeldOut() => [.. All(Things[7..])];

    private static IEnumerable<Example> All(string[] things) =>
        from thing in things
        from feeling in Enumerable.Range(0, Feelings.Length)
        from color in Colors[feeling]
        select new Example
        {
            Id = $"{color}-{thing}",
            Segments = { $"a {color} {thing}" },
            Label = Feelings[feeling],
            TeacherLabel = Wrong(Feelings[feeling]),
            Rationale = $"{color} is {Wrong(Feelings[feeling])}",
        };
}
