using DistillGrpc.Modeling.Engines.Cpu.Tiles;
using TorchSharp;

namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>Rows that are to be multiplied with weights, in the weights' precision. Filled row by row, by any threads.</summary>
/// <param name="precision">The weights'.</param>
/// <param name="hasTiles">Whether bytes are multiplied in tiles, where there are rows enough.</param>
internal sealed unsafe class Activations(Precision precision, bool hasTiles) : IDisposable
{
    /// <summary>From so many rows on libtorch's product is the faster one: it lays weights out anew for each.</summary>
    public const int LibraryRows = 24;

    // From so many rows on tiles are.
    private const int TileRowsFrom = 8;
    private TensorMemory? _values;
    private NativeArray<float>? _floats;
    private NativeArray<sbyte>? _tiled;
    private NativeArray<byte>? _shifted;
    private NativeArray<float>? _scales;

    /// <summary>Rows.</summary>
    public int Rows { get; private set; }

    /// <summary>Length of a row, as <see cref="WeightMatrix.Inner"/>.</summary>
    public int Inner { get; private set; }

    /// <summary>(Rows, Inner), float32.</summary>
    public float* Floats => _floats!.Pointer;

    /// <summary>(Rows, Inner), 128 more than the signed byte.</summary>
    public byte* Shifted => _shifted!.Pointer;

    /// <summary>The signed bytes as <see cref="TileKernel"/> takes them; of what is for tiles.</summary>
    public sbyte* Tiled => _tiled!.Pointer;

    /// <summary>(Rows): what a byte of the row stands for.</summary>
    public float* Scales => _scales!.Pointer;

    /// <summary>The signed bytes for libtorch: (Rows, Inner), in the caller's scope.</summary>
    public torch.Tensor View => _values!.View(0, Rows, Inner);

    /// <summary>So many rows that they are multiplied in tiles.</summary>
    public bool IsForTiles => hasTiles && precision == Precision.Int8 && Rows >= TileRowsFrom;

    /// <summary>So many rows of bytes that libtorch multiplies them.</summary>
    public bool IsForLibrary => precision == Precision.Int8 && !IsForTiles && Rows >= LibraryRows && LibraryProducts.IsExact;

    /// <summary>Makes room; what was in it is gone.</summary>
    public void Begin(int rows, int inner)
    {
        (Rows, Inner) = (rows, inner);
        var length = (long)rows * inner;
        if (precision == Precision.Float32)
        {
            _floats = NativeArray<float>.AtLeast(_floats, length);
            return;
        }

        _values = TensorMemory.AtLeast(_values, length, torch.ScalarType.Int8);
        _shifted = NativeArray<byte>.AtLeast(_shifted, length);
        _scales = NativeArray<float>.AtLeast(_scales, rows);
        if (IsForTiles)
        {
            _tiled = NativeArray<sbyte>.AtLeast(_tiled, TileRows.Length(rows, inner));
        }
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
            Scales[row] = RowMath.Quantize(values, Inner, (sbyte*)_values!.Pointer + at, Shifted + at);
            if (IsForTiles)
            {
                TileRows.Put((sbyte*)_values.Pointer + at, Inner, row, Tiled);
            }
        }
    }

    public void Dispose()
    {
        _values?.Dispose();
        _floats?.Dispose();
        _shifted?.Dispose();
        _tiled?.Dispose();
        _scales?.Dispose();
    }
}
