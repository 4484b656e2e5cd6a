namespace DistillGrpc.Teacher.Spending;

/// <summary>Where costs are booked.</summary>
/// <param name="Name">A teacher (<c>teachers/{id}</c>), a job (<c>extractions/{id}</c>), a caller's tag (<c>tags/{tag}</c>).</param>
/// <param name="Limit">All that may ever be spent on it, in billionths; 0 for no limit.</param>
internal sealed record AccountLimit(string Name, long Limit)
{
    /// <summary>The account of a caller's tag; none where there is no tag.</summary>
    public static IReadOnlyList<AccountLimit> OfTag(string tag) => tag.Length > 0 ? [new AccountLimit($"tags/{tag}", 0)] : [];
}
