namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>What an engine's weights are kept and multiplied in.</summary>
public enum Precision
{
    /// <summary>Four bytes.</summary>
    Float32,

    /// <summary>One byte, with a scale for each of a matrix's output channels; what is multiplied with it is rounded to a byte with a scale of its own for each row, products are summed exactly.</summary>
    Int8,
}
