using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Serving.Traffic;

namespace DistillGrpc.Student.Tests.Operating;

public sealed class StickyShareTests
{
    private const int Keys = 20_000;

    [Theory]
    [InlineData(0.5)]
    [InlineData(10)]
    [InlineData(50)]
    [InlineData(99)]
    public void Of_ManyKeys_HasEveryShareWithinFiveDeviations(double percent)
    {
        var below = Enumerable.Range(0, Keys).Count(i => Share($"customer {i}") < percent);
        var (mean, deviation) = (Keys * percent / 100, Math.Sqrt(Keys * (percent / 100) * (1 - (percent / 100))));

        Assert.InRange(below, mean - (5 * deviation), mean + (5 * deviation));
    }

    [Fact]
    public void Of_AnyKey_IsAtLeast0AndBelow100()
    {
        Assert.All(Enumerable.Range(0, Keys), i => Assert.InRange(Share($"{i}"), 0, 100 - 1e-12));
    }

    [Fact]
    public void Of_TheSameKey_IsTheSameInEveryProcess()
    {
        // SHA-256 over purpose, model and key, each behind its length in four bytes; the first 53 bits.
        Assert.Equal(ExpectedOfAnna(), Share("anna"), 12);

        static double ExpectedOfAnna()
        {
            var bytes = new List<byte>();
            foreach (var text in new[] { "canary", "x", "anna" })
            {
                bytes.AddRange([0, 0, 0, (byte)text.Length, .. System.Text.Encoding.ASCII.GetBytes(text)]);
            }

            var first = System.Security.Cryptography.SHA256.HashData(bytes.ToArray()).Take(8).Aggregate(0UL, (value, next) => (value << 8) | next);
            return (first >> 11) / (double)(1L << 53) * 100;
        }
    }

    [Fact]
    public void Of_AKey_DoesNotLookAtTheInputAndWithoutOneTheInputDecides()
    {
        Assert.Equal(Share("anna", "one"), Share("anna", "other"));
        Assert.Equal(Share("", "one"), Share("", "one"));
        Assert.NotEqual(Share("", "one"), Share("", "other"));
        Assert.NotEqual(Share("", "a", "b"), Share("", "ab"));
        Assert.NotEqual(Share("one", "x"), Share("", "one"));
    }

    [Fact]
    public void Of_OtherPurposesAndModels_SayNothingOfEachOther()
    {
        var both = Enumerable.Range(0, Keys).Count(i => Share($"{i}") < 50 && StickyShare.Of("shadow", "x", Request($"{i}")) < 50);
        var models = Enumerable.Range(0, Keys).Count(i => Share($"{i}") < 50 && StickyShare.Of("canary", "y", Request($"{i}")) < 50);

        Assert.All(new[] { both, models }, count => Assert.InRange(count, Keys * 0.23, Keys * 0.27));
    }

    private static double Share(string key, params string[] segments) => StickyShare.Of("canary", "x", Request(key, segments));

    private static PredictRequest Request(string key, params string[] segments) => new() { RoutingKey = key, Segments = { segments } };
}
