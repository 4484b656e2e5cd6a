using System.Text.Json.Nodes;
using DistillGrpc.Modeling.T5;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Tests.T5;

// libtorch has one generator for all threads, and these tests need it for themselves.
[CollectionDefinition(nameof(DropoutTests), DisableParallelization = true)]
[Collection(nameof(DropoutTests))]
public sealed class DropoutTests
{
    private const double Rate = 0.25;

    [Theory]
    [InlineData("t5-tiny-test")]
    [InlineData("t5v11-tiny-test")]
    public void Dropout_Training_DropsItsShareBySeedAndNothingWhileServing(string name)
    {
        using var scope = NewDisposeScope();
        using var noGradient = no_grad();
        using var folder = new TemporaryFolder();
        foreach (var file in Directory.GetFiles(Path.Combine(AppContext.BaseDirectory, "Fixtures", name, "checkpoint")))
        {
            File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        }

        var path = Path.Combine(folder.Path, T5Checkpoint.ConfigFile);
        var config = JsonNode.Parse(File.ReadAllText(path))!;
        config["dropout_rate"] = Rate;
        File.WriteAllText(path, config.ToJsonString());
        using var model = T5Checkpoint.Load(folder.Path);
        var ids = tensor(new long[] { 5, 17, 3, 40, 1 }, 1, 5);
        float[] Read(int seed)
        {
            manual_seed(seed);
            return model.Encode(ids, ones([1, 5], int64)).data<float>().ToArray();
        }

        Assert.Equal(Read(1), Read(2));
        model.train();
        Assert.Equal(Read(1), Read(1));
        Assert.NotEqual(Read(1), Read(2));
        // The last thing that the encoder does is to drop: a share of what it gives is zero.
        Assert.InRange(Enumerable.Range(0, 50).Average(seed => Read(seed).Average(value => value == 0 ? 1.0 : 0)), Rate * 0.85, Rate * 1.15);
        model.eval();
        Assert.Equal(Read(1), Read(2));
    }
}
