using System.Text;
using DistillGrpc.Modeling.Checkpoints;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.Checkpoints;

public sealed class SafetensorsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("safetensors").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Write_ThenRead_GivesEveryTensorBack()
    {
        using var scope = NewDisposeScope();
        var path = Path.Combine(_folder, "model.safetensors");
        var tensors = new Dictionary<string, Tensor>
        {
            ["weight"] = arange(6, dtype: float32).reshape(2, 3).t(),
            ["ids"] = tensor(new long[] { 1, -2, long.MaxValue }),
            ["half"] = tensor(new[] { 0.5f, -3f }).to(bfloat16),
            ["scalar"] = tensor(7f),
            ["empty"] = zeros(0, 4),
        };

        SafetensorsWriter.Write(path, tensors);

        using var reader = SafetensorsReader.Open(path);
        Assert.Equal(tensors.Keys.Order(), reader.Entries.Keys.Order());
        Assert.All(tensors, pair =>
        {
            var read = reader.Read(pair.Key);
            Assert.Equal(pair.Value.shape, read.shape);
            Assert.Equal(pair.Value.dtype, read.dtype);
            Assert.True(read.equal(pair.Value).all().item<bool>());
        });
        Assert.Equal(["model.safetensors"], Directory.GetFiles(_folder).Select(Path.GetFileName));
    }

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 4, "file has")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 12, "file has")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"a":{"dtype":"F99","shape":[2],"data_offsets":[0,8]}}""", 8, "unknown type")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", 8, "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296,4],"data_offsets":[0,0]}}""", 0, "shape")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}""", 16, "gap")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", 8, "overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", 8, "header")]
    [InlineData("""{"a":{"dtype":"F32","shape":"two","data_offsets":[0,8]}}""", 8, "header")]
    [InlineData("""{"a":{"shape":[2],"data_offsets":[0,8]}}""", 8, "header")]
    [InlineData("""[1]""", 0, "header")]
    public void Open_HeaderThatLies_IsRefusedWithTheReason(string header, int dataBytes, string reason)
    {
        var path = Path.Combine(_folder, "hostile.safetensors");
        var json = Encoding.UTF8.GetBytes(header);
        File.WriteAllBytes(path, [.. BitConverter.GetBytes((ulong)json.Length), .. json, .. new byte[dataBytes]]);

        var error = Assert.Throws<InvalidDataException>(() => SafetensorsReader.Open(path));

        Assert.Contains(reason, error.Message, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder, error.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(new byte[0])]
    [InlineData(new byte[] { 1, 2, 3 })]
    [InlineData(new byte[] { 0x80, 2, 0x63, 0x63, 0, 0, 0, 0, 0, 0 })]
    [InlineData(new byte[] { 255, 255, 255, 255, 255, 255, 255, 255, 0 })]
    public void Open_FileOfAnotherKind_IsRefused(byte[] content)
    {
        var path = Path.Combine(_folder, "renamed.safetensors");
        File.WriteAllBytes(path, content);

        Assert.Throws<InvalidDataException>(() => SafetensorsReader.Open(path));
    }

    [Fact]
    public void Read_FileThatShrankSinceItWasOpened_IsRefused()
    {
        using var scope = NewDisposeScope();
        var path = Path.Combine(_folder, "shrinks.safetensors");
        SafetensorsWriter.Write(path, new Dictionary<string, Tensor> { ["a"] = ones(1000) });
        using var reader = SafetensorsReader.Open(path);
        using (var file = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            file.SetLength(500);
        }

        Assert.Throws<InvalidDataException>(() => reader.Read("a"));
    }
}
