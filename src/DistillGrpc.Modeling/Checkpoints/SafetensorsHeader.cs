using System.Text.Json;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Checkpoints;

/// <summary>The JSON header of a safetensors file.</summary>
internal static class SafetensorsHeader
{
    private const int MaxDimensions = 16;

    private static readonly (string Name, ScalarType Type, int Size)[] Types =
    [
        ("F64", ScalarType.Float64, 8), ("F32", ScalarType.Float32, 4), ("F16", ScalarType.Float16, 2),
        ("BF16", ScalarType.BFloat16, 2), ("I64", ScalarType.Int64, 8), ("I32", ScalarType.Int32, 4),
        ("I16", ScalarType.Int16, 2), ("I8", ScalarType.Int8, 1), ("U8", ScalarType.Byte, 1), ("BOOL", ScalarType.Bool, 1),
    ];

    public static string NameOf(ScalarType type) => Types.First(known => known.Type == type).Name;

    public static int SizeOf(ScalarType type) => Types.First(known => known.Type == type).Size;

    public static List<SafetensorsEntry> Parse(byte[] header, string file)
    {
        try
        {
            using var json = JsonDocument.Parse(header, new JsonDocumentOptions { MaxDepth = 8, AllowDuplicateProperties = false });
            var entries = new List<SafetensorsEntry>();
            foreach (var property in json.RootElement.EnumerateObject())
            {
                if (property.Name == "__metadata__")
                {
                    continue;
                }

                if (entries.Count == SafetensorsReader.MaxTensors)
                {
                    throw new InvalidDataException($"{file}: more than {SafetensorsReader.MaxTensors} tensors.");
                }

                entries.Add(ParseEntry(property, 8 + header.Length, file));
            }

            return entries;
        }
        catch (Exception error) when (error is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new InvalidDataException($"{file}: the header is not what safetensors writes.", error);
        }
    }

    private static SafetensorsEntry ParseEntry(JsonProperty property, long dataStart, string file)
    {
        var typeName = property.Value.GetProperty("dtype").GetString();
        var (_, type, size) = Types.FirstOrDefault(known => known.Name == typeName);
        if (size == 0)
        {
            throw new InvalidDataException($"{file}: tensor '{property.Name}' has the unknown type '{typeName}'.");
        }

        var shape = property.Value.GetProperty("shape").EnumerateArray().Select(dimension => dimension.GetInt64()).ToArray();
        var offsets = property.Value.GetProperty("data_offsets").EnumerateArray().Select(offset => offset.GetInt64()).ToArray();
        var bytes = ByteCount(shape, size);
        if (bytes is null || offsets.Length != 2 || offsets[0] < 0 || offsets[1] - offsets[0] != bytes)
        {
            throw new InvalidDataException($"{file}: tensor '{property.Name}' has a shape that does not fit its bytes.");
        }

        return new SafetensorsEntry(property.Name, type, shape, dataStart + offsets[0], bytes.Value);
    }

    // Null where the shape is absurd: negative, too many dimensions, or 2 GiB and more, which no tensor of a T5 has.
    private static long? ByteCount(long[] shape, int size)
    {
        if (shape.Length > MaxDimensions || shape.Any(dimension => dimension is < 0 or > int.MaxValue))
        {
            return null;
        }

        Int128 bytes = size;
        foreach (var dimension in shape)
        {
            bytes *= dimension;
            if (bytes > int.MaxValue)
            {
                return null;
            }
        }

        return (long)bytes;
    }
}
