using System.Globalization;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>When an endpoint wants to be asked again: <c>retry-after-ms</c>, or <c>Retry-After</c> in seconds (whole or not) or as a date.</summary>
internal static class RetryAfterHeader
{
    /// <summary>The time to wait that a response names.</summary>
    /// <param name="header">Gives a header's value, or null.</param>
    // A date is measured against the endpoint's own clock where it sends one.
    public static TimeSpan? Read(Func<string, string?> header) => Read(header("retry-after-ms"), header("Retry-After"), Date(header("Date")) ?? DateTimeOffset.UtcNow);

    /// <summary>The time to wait; null where none is said, or not so that it can be understood.</summary>
    public static TimeSpan? Read(string? milliseconds, string? retryAfter, DateTimeOffset now) =>
        Number(milliseconds) is { } ms ? TimeSpan.FromMilliseconds(ms)
        : Number(retryAfter) is { } seconds ? TimeSpan.FromSeconds(seconds)
        : Date(retryAfter) is { } date ? (date > now ? date - now : TimeSpan.Zero)
        : null;

    // At most ten years: what is longer is no time to wait, and would not fit.
    private static double? Number(string? text) =>
        double.TryParse(text?.Trim(), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) && number is >= 0 and < 3e8 ? number : null;

    private static DateTimeOffset? Date(string? text) =>
        DateTimeOffset.TryParse(text?.Trim(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var date) ? date : null;
}
