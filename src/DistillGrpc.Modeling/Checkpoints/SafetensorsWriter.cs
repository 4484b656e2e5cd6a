using System.Text.Json;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Checkpoints;

/// <summary>Writes safetensors files as Hugging Face does: sorted by name, header padded to eight bytes.</summary>
public static class SafetensorsWriter
{
    /// <summary>Writes the tensors under a temporary name, syncs, and renames: the path holds the whole file or what it held before.</summary>
    /// <param name="path">The file.</param>
    /// <param name="tensors">The tensors by name, each under 2 GiB, on any device.</param>
    public static void Write(string path, IReadOnlyDictionary<string, Tensor> tensors)
    {
        var temporary = path + ".tmp";
        using (var file = File.Create(temporary))
        {
            var names = tensors.Keys.Order(StringComparer.Ordinal).ToArray();
            WriteHeader(file, names, tensors);
            foreach (var name in names)
            {
                using var scope = NewDisposeScope();
                file.Write(tensors[name].detach().cpu().contiguous().bytes);
            }

            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, path, overwrite: true);
    }

    private static void WriteHeader(FileStream file, string[] names, IReadOnlyDictionary<string, Tensor> tensors)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer))
        {
            json.WriteStartObject();
            json.WriteStartObject("__metadata__");
            json.WriteString("format", "pt");
            json.WriteEndObject();
            var offset = 0L;
            foreach (var name in names)
            {
                offset = WriteEntry(json, name, tensors[name], offset);
            }

            json.WriteEndObject();
        }

        buffer.Write("        "u8[..(int)((8 - (buffer.Length % 8)) % 8)]);
        file.Write(BitConverter.GetBytes((ulong)buffer.Length));
        buffer.WriteTo(file);
    }

    private static long WriteEntry(Utf8JsonWriter json, string name, Tensor tensor, long offset)
    {
        var end = offset + (tensor.numel() * SafetensorsHeader.SizeOf(tensor.dtype));
        json.WriteStartObject(name);
        json.WriteString("dtype", SafetensorsHeader.NameOf(tensor.dtype));
        json.WriteStartArray("shape");
        foreach (var dimension in tensor.shape)
        {
            json.WriteNumberValue(dimension);
        }

        json.WriteEndArray();
        json.WriteStartArray("data_offsets");
        json.WriteNumberValue(offset);
        json.WriteNumberValue(end);
        json.WriteEndArray();
        json.WriteEndObject();
        return end;
    }
}
