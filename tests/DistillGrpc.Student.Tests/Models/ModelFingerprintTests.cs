using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Tests.Models;

public sealed class ModelFingerprintTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void Of_OtherWeightsOfTheSameShape_IsAnother()
    {
        var weights = new byte[1 << 20];
        Write("model.safetensors", weights);
        var first = Fingerprint();
        // Whatever a training changes, it changes nearly all of it.
        Array.Fill(weights, (byte)1, 1000, weights.Length - 2000);
        Write("model.safetensors", weights);

        Assert.NotEqual(first, Fingerprint());
        Assert.Equal(32, first.Length);
    }

    [Theory]
    [InlineData("config.json", true)]
    [InlineData("distill.json", true)]
    [InlineData("tokenizer.json", true)]
    [InlineData("report.json", false)]
    [InlineData("README.md", false)]
    public void Of_FileThatComesBesides_IsAnotherOnlyWhereAnswersDependOnIt(string file, bool depends)
    {
        Write("model.safetensors", [1, 2, 3]);
        var before = Fingerprint();
        Write(file, [1]);

        Assert.Equal(depends, before != Fingerprint());
    }

    [Fact]
    public void Of_SmallFileThatChangesAtItsEnd_IsAnother()
    {
        Write("config.json", new byte[10_000]);
        var before = Fingerprint();
        Write("config.json", [.. new byte[9_999], 1]);

        Assert.NotEqual(before, Fingerprint());
    }

    private string Fingerprint() => ModelFingerprint.Of(_folder.Path);

    private void Write(string file, byte[] content) => File.WriteAllBytes(Path.Combine(_folder.Path, file), content);
}
