using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Modeling.Tests.Decoding;

/// <summary>Passes by whole vectors, at all lengths and places, against plain ones.</summary>
public sealed class LogitMathTests
{
    [Fact]
    public void IndexOfMax_AnyLengthAndPlace_IsTheFirstLargest()
    {
        var random = new Random(1);
        for (var length = 1; length < 300; length++)
        {
            var values = Enumerable.Range(0, length).Select(_ => (float)random.Next(-20, 5)).ToArray();
            values[random.Next(length)] = float.NegativeInfinity;
            var (place, other) = (random.Next(length), random.Next(length));
            (values[place], values[other]) = (7, 7);

            Assert.Equal(7, LogitMath.Max(values));
            Assert.Equal(Math.Min(place, other), LogitMath.IndexOfMax(values));
        }
    }

    [Fact]
    public void FiniteMax_AnyLengthAndPlace_IsTheLargestOrNotANumber()
    {
        foreach (var length in Enumerable.Range(1, 140))
        {
            var values = Enumerable.Range(0, length).Select(i => -1000f - i).ToArray();
            for (var place = 0; place < length; place++)
            {
                values[place] = -3;
                Assert.Equal(-3, LogitMath.FiniteMax(values));
                foreach (var strange in new[] { float.NaN, float.PositiveInfinity, float.NegativeInfinity })
                {
                    values[place] = strange;
                    Assert.True(float.IsNaN(LogitMath.FiniteMax(values)));
                }

                values[place] = -5000;
            }
        }
    }

    [Theory]
    [InlineData(float.NaN)]
    [InlineData(float.PositiveInfinity)]
    [InlineData(float.NegativeInfinity)]
    public void RequireFinite_OneThatIsNot_IsFoundAtAnyPlace(float bad)
    {
        foreach (var length in new[] { 1, 15, 64, 131 })
        {
            var values = Enumerable.Repeat(float.MaxValue, length).ToArray();
            LogitMath.RequireFinite(values);
            for (var place = 0; place < length; place++)
            {
                values[place] = bad;
                Assert.Throws<NonFiniteLogitsException>(() => LogitMath.RequireFinite(values));
                values[place] = float.MinValue;
            }
        }
    }

    [Fact]
    public void LogSumExp_AnyLength_IsThePlainSums()
    {
        var random = new Random(2);
        foreach (var length in new[] { 1, 17, 1024, 3001 })
        {
            var values = Enumerable.Range(0, length).Select(_ => random.NextSingle() * 40).ToArray();
            Assert.Equal(Math.Log(values.Sum(value => Math.Exp(value))), LogitMath.LogSumExp(values), 1e-5);
        }
    }
}
