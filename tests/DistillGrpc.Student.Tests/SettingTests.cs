namespace DistillGrpc.Student.Tests;

/// <summary>What an operator sets wrongly is named, with what it must be.</summary>
public sealed class SettingTests
{
    [Theory]
    [InlineData("--Precision=int4", "Precision: 'int4' is not one of auto, float32, int8.")]
    [InlineData("--Engine=gpu", "Engine: 'gpu' is not one of auto, torch, cpu.")]
    [InlineData("--MaxQueue=many", "MaxQueue: 'many' is not a whole number.")]
    [InlineData("--MaxDatasetBytes=1.5", "MaxDatasetBytes: '1.5' is not a whole number.")]
    [InlineData("--MaxQueue=99999999999", "MaxQueue: '99999999999' is not a whole number.")]
    [InlineData("--IdleTimeout=soon", "IdleTimeout: 'soon' is not a time, such as 00:00:30 for half a minute.")]
    [InlineData("--Reflection=maybe", "Reflection: 'maybe' is not true or false.")]
    public void Create_ValueOfAnotherKind_IsRefusedNamingWhatItMustBe(string setting, string expected)
    {
        using var state = new TemporaryFolder();

        var refused = Assert.Throws<InvalidOperationException>(() => StudentHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={state.Path}", setting]));

        Assert.Equal(expected, refused.Message);
    }

    [Theory]
    [InlineData("--Precision=INT8")]
    [InlineData("--maxqueue=7")]
    [InlineData("--IdleTimeout=00:00:01.5")]
    [InlineData("--Reflection=FALSE")]
    public async Task Create_ValueInAnyCase_IsRead(string setting)
    {
        using var state = new TemporaryFolder();

        await using var app = StudentHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={state.Path}", setting]);

        Assert.NotNull(app);
    }
}
