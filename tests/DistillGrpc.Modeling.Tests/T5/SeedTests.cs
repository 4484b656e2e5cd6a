using DistillGrpc.Modeling.T5;
using TorchSharp;

namespace DistillGrpc.Modeling.Tests.T5;

public sealed class SeedTests
{
    private static readonly T5Config Config = T5Preset.Of("micro", 500);

    [Fact]
    public async Task Seeded_WhileOtherThreadsMakeModels_DependsOnTheSeedAlone()
    {
        using var stop = new CancellationTokenSource();
        var others = Enumerable.Range(0, 2).Select(_ => Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                using var scope = torch.NewDisposeScope();
                new T5Model(Config).Dispose();
            }
        })).ToArray();

        var models = Enumerable.Range(0, 6).Select(i => Weights(i < 5 ? 7 : 8)).ToArray();
        await stop.CancelAsync();
        await Task.WhenAll(others);

        Assert.All(models[1..5], weights => Assert.Equal(models[0], weights));
        Assert.NotEqual(models[0], models[5]);
    }

    private static float[] Weights(int seed)
    {
        using var scope = torch.NewDisposeScope();
        using var model = T5Model.Seeded(Config, seed);
        return [.. model.parameters().SelectMany(parameter => parameter.data<float>().ToArray())];
    }
}
