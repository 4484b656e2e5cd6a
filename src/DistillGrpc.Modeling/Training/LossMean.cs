namespace DistillGrpc.Modeling.Training;

/// <summary>Over what a task's loss is a mean.</summary>
public enum LossMean
{
    /// <summary>Over all tokens of the batch, as the reference code of Distilling Step-by-Step has it.</summary>
    Tokens,

    /// <summary>Over the examples, each the mean of its tokens, as the paper writes it (arXiv 2305.02301, equations 3 and 4).</summary>
    Examples,
}
