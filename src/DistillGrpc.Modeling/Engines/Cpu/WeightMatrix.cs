using TorchSharp;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Weights (Columns, Inner) of a linear layer: to each row of activations, a number for each column.</summary>
internal abstract class WeightMatrix(int columns, int inner)
{
    /// <summary>Outputs.</summary>
    public int Columns => columns;

    /// <summary>Inputs, filled up with zeros to what the kernels take.</summary>
    public int Inner { get; } = RowMath.Padded(inner);

    /// <summary>Bytes.</summary>
    public abstract long Bytes { get; }

    /// <summary>Makes one of weights (Columns, inputs), float32, which stay the caller's; what it becomes lies in the memory, and goes with it.</summary>
    public static WeightMatrix Of(torch.Tensor weights, Precision precision, WeightMemory memory) =>
        precision == Precision.Float32 ? new FloatMatrix(weights, memory) : new ByteMatrix(weights, memory);

    /// <summary>Multiplies all rows with some columns; <see cref="Row"/> gives the products.</summary>
    /// <param name="activations">The rows.</param>
    /// <param name="first">The first column.</param>
    /// <param name="count">How many.</param>
    /// <param name="scratch">The calling thread's; it holds the products until the next call.</param>
    public abstract void Multiply(Activations activations, int first, int count, ProductScratch scratch);

    /// <summary>A row's products of the last <see cref="Multiply"/>, with the same arguments.</summary>
    /// <param name="activations">The rows.</param>
    /// <param name="row">The row.</param>
    /// <param name="first">The first column.</param>
    /// <param name="count">How many.</param>
    /// <param name="scratch">The calling thread's.</param>
    /// <param name="to">(count), written.</param>
    public abstract unsafe void Row(Activations activations, int row, int first, int count, ProductScratch scratch, float* to);

    /// <summary>The product of one row and one column.</summary>
    public abstract float Dot(Activations activations, int row, int column);

    /// <summary>The products of one row and the columns of one panel.</summary>
    /// <param name="activations">The rows.</param>
    /// <param name="row">The row.</param>
    /// <param name="first">The panel's first column.</param>
    /// <param name="count">How many of its columns there are.</param>
    /// <param name="to">(count), written.</param>
    public abstract unsafe void Panel(Activations activations, int row, int first, int count, float* to);

    /// <summary>A column, as it would be a row of an embedding.</summary>
    /// <param name="column">The column.</param>
    /// <param name="to">(Inner), written.</param>
    public abstract unsafe void Read(int column, float* to);
}
