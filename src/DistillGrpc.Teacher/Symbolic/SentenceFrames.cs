namespace DistillGrpc.Teacher.Symbolic;

/// <summary>All sentences that problems are made of.</summary>
internal static class SentenceFrames
{
    public static IReadOnlyList<SentenceFrame> All { get; } =
    [
        new(SentenceKind.Start, "{who} has {n} {thing}."),
        new(SentenceKind.Start, "{who} starts the day with {n} {thing}."),
        new(SentenceKind.Start, "In the morning {who} owns {n} {thing}."),
        new(SentenceKind.Start, "There are {n} {thing} in the box of {who}."),
        new(SentenceKind.Gain, "{who} finds {n} more {thing}."),
        new(SentenceKind.Gain, "{who} buys {n} {thing} at the shop."),
        new(SentenceKind.Gain, "A neighbour brings {who} {n} {thing}."),
        new(SentenceKind.Gain, "Later {who} wins {n} {thing} in a game."),
        new(SentenceKind.Loss, "{who} loses {n} {thing}."),
        new(SentenceKind.Loss, "{who} sells {n} {thing} at the market."),
        new(SentenceKind.Loss, "Then {n} {thing} of {who} break."),
        new(SentenceKind.Loss, "{who} leaves {n} {thing} at school."),
        new(SentenceKind.Packs, "{who} gets {n} bags with {m} {thing} each."),
        new(SentenceKind.Packs, "{who} opens {n} boxes of {m} {thing}."),
        new(SentenceKind.Packs, "On {n} days {who} collects {m} {thing} a day."),
        new(SentenceKind.Gift, "{who} gives {n} {thing} to {other}."),
        new(SentenceKind.Gift, "{who} lets {other} keep {n} {thing}."),
        new(SentenceKind.Aside, "The walk takes {n} minutes."),
        new(SentenceKind.Aside, "It is {n} degrees outside."),
        new(SentenceKind.Aside, "The bus costs {n} cents."),
        new(SentenceKind.Question, "How many {thing} does {who} have now?"),
        new(SentenceKind.Question, "How many {thing} are left for {who} in the end?"),
        new(SentenceKind.Question, "What is the number of {thing} that {who} has at last?"),
    ];

    public static IReadOnlyList<SentenceFrame> Of(SentenceKind kind) => ByKind[kind];

    private static readonly Dictionary<SentenceKind, SentenceFrame[]> ByKind =
        All.GroupBy(frame => frame.Kind).ToDictionary(group => group.Key, group => group.ToArray());
}
