using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Tests.Models;

/// <summary>Whether a version may answer in int8, and the record that says so.</summary>
public sealed class Int8GuardTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    private string Path => System.IO.Path.Combine(_folder.Path, "int8-check.json");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(200, 199, 200, 2, 2.0099, "")]
    [InlineData(200, 200, 200, 2, 1.5, "")]
    [InlineData(200, 200, 200, 0, 0, "")]
    [InlineData(1000, 995, 1000, 2, 2.01, "")]
    [InlineData(199, 199, 199, 2, 2, "labels were compared on 199 rows, of at least 200")]
    [InlineData(0, 0, 0, 0, 0, "labels were compared on 0 rows, of at least 200")]
    [InlineData(1000, 994, 1000, 2, 2, "994 of 1000 labels agree, and 99.5% have to")]
    [InlineData(200, 198, 200, 2, 2, "198 of 200 labels agree, and 99.5% have to")]
    [InlineData(200, 200, 199, 2, 2, "rationales were compared on 199 rows, of at least 200")]
    [InlineData(200, 200, 200, 2, 2.012, "the rationale loss goes from 2.0000 to 2.0120 nats, and may rise by 0.5%")]
    [InlineData(200, 200, 200, 2, double.NaN, "the rationale loss goes from 2.0000 to NaN nats, and may rise by 0.5%")]
    [InlineData(200, 200, 200, double.PositiveInfinity, 2, "the rationale loss goes from Infinity to 2.0000 nats, and may rise by 0.5%")]
    public void Decide_Figures_PassOnlyWhereInt8IsAsGoodOnEnoughRows(int rows, int equal, int rationales, double float32, double int8, string refusal)
    {
        var decided = Int8Guard.Decide(Figures(rows, equal, rationales, float32, int8));

        Assert.Equal((refusal, refusal.Length == 0), (decided.Refusal, decided.Passed));
        Assert.Equal((rows, equal, rationales), (decided.Rows, decided.EqualLabels, decided.RationaleRows));
    }

    [Theory]
    [InlineData(200, "")]
    [InlineData(198, "198 of 200 labels agree, and 99.5% have to")]
    public void Decide_ModelWithoutRationales_GoesByLabelsAlone(int equal, string refusal)
    {
        var figures = Figures(200, equal, 0, 0, 0);
        figures.LacksRationales = true;

        Assert.Equal(refusal, Int8Guard.Decide(figures).Refusal);
    }

    [Fact]
    public void Refusal_OfASetting_IsTheChecksWithAutoAlone()
    {
        var (passed, failed) = (Int8Guard.Decide(Figures(200, 200, 200, 1, 1)), Int8Guard.Decide(Figures(10, 10, 10, 1, 1)));

        Assert.Equal("", Int8Guard.Refusal(PrecisionSetting.Auto, passed));
        Assert.Equal(failed.Refusal, Int8Guard.Refusal(PrecisionSetting.Auto, failed));
        Assert.Equal("it was not compared with float32", Int8Guard.Refusal(PrecisionSetting.Auto, null));
        Assert.Equal("the setting Precision is float32", Int8Guard.Refusal(PrecisionSetting.Float32, passed));
        Assert.Equal("", Int8Guard.Refusal(PrecisionSetting.Int8, failed));
        Assert.Equal("", Int8Guard.Refusal(PrecisionSetting.Int8, null));
    }

    [Fact]
    public void Of_ARecord_IsWhatWasWrittenAndDecidedAnew()
    {
        var check = Int8Guard.Decide(Figures(200, 200, 200, 1.5, 1.5));
        Int8Record.Write(_folder.Path, check);
        Assert.Equal(check, Int8Record.Of(_folder.Path));

        // A record that says more than its figures do.
        File.WriteAllText(Path, """{ "passed": true, "rows": 20, "equalLabels": 20 }""");
        Assert.Equal((false, "labels were compared on 20 rows, of at least 200"), (Int8Record.Of(_folder.Path)!.Passed, Int8Record.Of(_folder.Path)!.Refusal));
    }

    [Fact]
    public void Of_RecordOfOtherWeights_HasNotPassed()
    {
        var weights = System.IO.Path.Combine(_folder.Path, "model.safetensors");
        File.WriteAllText(weights, "before");
        Int8Record.Write(_folder.Path, Int8Guard.Decide(Figures(200, 200, 200, 1.5, 1.5)));
        Assert.True(Int8Record.Of(_folder.Path)!.Passed);

        // Somebody trains on in a folder that was downloaded.
        File.WriteAllText(weights, "beyond");
        Assert.Equal((false, "int8-check.json is of other weights", 200), (Int8Record.Of(_folder.Path)!.Passed, Int8Record.Of(_folder.Path)!.Refusal, Int8Record.Of(_folder.Path)!.Rows));
    }

    [Fact]
    public void Of_NoRecord_IsNone() => Assert.Null(Int8Record.Of(_folder.Path));

    [Theory]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("null")]
    [InlineData("[1]")]
    [InlineData("""{ "rows": "many" }""")]
    [InlineData("""{ "passed": true, "rows": 200, "equalLabels": 201, "lacksRationales": true }""")]
    [InlineData("""{ "passed": true, "rows": 4294967496, "equalLabels": 200 }""")]
    public void Of_DamagedRecord_HasNotPassed(string content)
    {
        File.WriteAllText(Path, content);

        var check = Int8Record.Of(_folder.Path);

        Assert.Equal((false, "int8-check.json is damaged"), (check!.Passed, check.Refusal));
    }

    [Fact]
    public void Of_RecordTooLong_HasNotPassed()
    {
        File.WriteAllText(Path, $$"""{ "refusal": "{{new string('x', 1 << 16)}}" }""");

        Assert.Equal("int8-check.json is damaged", Int8Record.Of(_folder.Path)!.Refusal);
    }

    private static Int8Check Figures(int rows, int equal, int rationales, double float32, double int8) =>
        new() { Rows = rows, EqualLabels = equal, RationaleRows = rationales, Float32RationaleLoss = float32, Int8RationaleLoss = int8 };
}
