using System.Text.Json;
using DistillGrpc.Modeling.T5;

namespace DistillGrpc.Modeling.Tests.T5;

public class RelativePositionBucketsTests
{
    [Theory]
    [InlineData("bidirectional", true)]
    [InlineData("causal", false)]
    public void Of_EveryPositionOfTheReference_GivesItsBucket(string key, bool bidirectional)
    {
        using var fixture = JsonDocument.Parse(File.ReadAllText(Path.Combine(AppContext.BaseDirectory, "Fixtures", "relative_buckets.json")));
        var root = fixture.RootElement;
        var from = root.GetProperty("from").GetInt32();
        var expected = root.GetProperty(key).EnumerateArray().Select(b => b.GetInt32()).ToArray();

        var actual = Enumerable.Range(from, expected.Length).Select(position => RelativePositionBuckets.Of(position, bidirectional, 32, 128));

        Assert.Equal(expected, actual);
    }
}
