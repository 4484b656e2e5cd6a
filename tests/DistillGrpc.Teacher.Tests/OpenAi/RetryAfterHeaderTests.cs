using DistillGrpc.Teacher.Backends.OpenAi;

namespace DistillGrpc.Teacher.Tests.OpenAi;

public sealed class RetryAfterHeaderTests
{
    private static readonly DateTimeOffset Now = new(2026, 3, 1, 12, 0, 0, TimeSpan.Zero);

    [Theory]
    [InlineData("1500", "9", 1.5)]
    [InlineData(null, "7", 7.0)]
    [InlineData(null, " 0.25 ", 0.25)]
    [InlineData(null, "Sun, 01 Mar 2026 12:00:20 GMT", 20.0)]
    [InlineData(null, "Sun, 01 Mar 2026 11:00:00 GMT", 0.0)]
    [InlineData(null, "-3", null)]
    [InlineData(null, "soon", null)]
    [InlineData(null, "1e99", null)]
    [InlineData(null, "99999999999999999999", null)]
    [InlineData(null, null, null)]
    public void Read_EveryForm_GivesTheTimeToWait(string? milliseconds, string? retryAfter, double? seconds) =>
        Assert.Equal(seconds, RetryAfterHeader.Read(milliseconds, retryAfter, Now)?.TotalSeconds);
}
