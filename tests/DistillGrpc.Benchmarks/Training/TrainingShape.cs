using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Benchmarks.Training;

/// <summary>A model's shape, with what one task's step of it took Hugging Face transformers: PyTorch 2.13, 8 x (128 in, 32 out), float32, two threads.</summary>
/// <param name="Name">The published model of this shape.</param>
/// <param name="Config">The shape, without dropout.</param>
/// <param name="HuggingFaceSeconds">Of a step of one task.</param>
/// <param name="HuggingFaceBothSeconds">Of a step of both tasks: forward and backward pass of each, one optimiser step.</param>
/// <param name="HuggingFaceMemory">Peak, in gigabytes.</param>
/// <param name="MemoryGoal">The share of that peak that a step here may have.</param>
internal sealed record TrainingShape(
    string Name, T5Config Config, double HuggingFaceSeconds, double HuggingFaceBothSeconds, double HuggingFaceMemory, double MemoryGoal)
{
    /// <summary>What Hugging Face was measured on: its libtorch's float32 product, operations a second.</summary>
    public const double HuggingFacePeak = 352e9;

    public const int Rows = 8;
    public const int InputTokens = 128;
    public const int TargetTokens = 32;

    public static IReadOnlyList<TrainingShape> All { get; } =
    [
        new("t5-small", T5Preset.Of("small", 32128), 1.61, 3.2, 2.1, 0.7),
        new(
            "flan-t5-base",
            T5Preset.Of("base", 32128) with { FeedForwardSize = 2048, Activation = T5Activation.GeluNew, Gated = true, TiedHead = false, ScaleDecoderOutputs = false },
            5.7, 11.1, 6.2, 0.85),
    ];

    /// <summary>Rows of both tasks, full to the last token, so that nothing is padding.</summary>
    public TaskRow[] MakeRows(int count, int seed)
    {
        var random = new Random(seed);
        int[] Ids(int length) => [.. Enumerable.Range(0, length - 1).Select(_ => random.Next(3, 32000)), 1];
        return [.. Enumerable.Range(0, count).Select(i => new TaskRow(Ids(InputTokens), Ids(TargetTokens)) { Example = i })];
    }
}
