using DistillGrpc.Modeling.Engines.Cpu.Tiles;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Rows that are to be multiplied with weights, in the weights' precision. Filled row by row, by any threads.</summary>
/// <param name="precision">The weights'.</param>
/// <param name="hasTiles">Whether bytes are multiplied in tiles, where there are rows enough.</param>
internal sealed unsafe class Activations(Precision precision, bool hasTiles) : IDisposable
{
    // From so many rows on tiles are the faster ones.
    private const int TileRowsFrom = 8;
    private NativeArray<float>? _floats;
    private NativeArray<sbyte>? _signed;
    private NativeArray<byte>? _shifted;
    private NativeArray<float>? _scales;

    /// <summary>Rows.</summary>
    public int Rows { get; private set; }

    /// <summary>Rows of products there must be room for.</summary>
    public int PaddedRows => IsForTiles ? (Rows + TileKernel.Only.RowsTogether - 1) / TileKernel.Only.RowsTogether * TileKernel.Only.RowsTogether : Rows;

    /// <summary>Length of a row, as <see cref="WeightMatrix.Inner"/>.</summary>
    public int Inner { get; private set; }

    /// <summary>(Rows, Inner), float32.</summary>
    public float* Floats => _floats!.Pointer;

    /// <summary>(PaddedRows, Inner), signed bytes; of what is for tiles.</summary>
    public sbyte* Signed => _signed!.Pointer;

    /// <summary>(Rows, Inner), 128 more than the signed byte.</summary>
    public byte* Shifted => _shifted!.Pointer;

    /// <summary>(Rows): what a byte of the row stands for.</summary>
    public float* Scales => _scales!.Pointer;

    /// <summary>So many rows that they are multiplied in tiles.</summary>
    public bool IsForTiles => hasTiles && precision == Precision.Int8 && Rows >= TileRowsFrom;

    /// <summary>Makes room; what was in it is gone.</summary>
    public void Begin(int rows, int inner)
    {
        (Rows, Inner) = (rows, inner);
        var length = (long)PaddedRows * inner;
        if (precision == Precision.Float32)
        {
            _floats = NativeArray<float>.AtLeast(_floats, length);
            return;
        }

        _signed = NativeArray<sbyte>.AtLeast(_signed, length);
        _shifted = NativeArray<byte>.AtLeast(_shifted, length);
        _scales = NativeArray<float>.AtLeast(_scales, rows);
    }

    /// <summary>Fills a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="values">(Inner); zeros beyond its own length.</param>
    public void Set(int row, float* values)
    {
        var at = (nint)row * Inner;
        if (precision == Precision.Float32)
        {
            Buffer.MemoryCopy(values, Floats + at, Inner * sizeof(float), Inner * sizeof(float));
        }
        else
        {
            // The shifted ones are for products with a single column, too.
            Scales[row] = RowMath.Quantize(values, Inner, Signed + at, Shifted + at);
        }
    }

    public void Dispose()
    {
        _floats?.Dispose();
        _signed?.Dispose();
        _shifted?.Dispose();
        _scales?.Dispose();
    }
}
