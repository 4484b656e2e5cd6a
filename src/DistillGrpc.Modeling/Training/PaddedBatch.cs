using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>Rows of ids as tensors.</summary>
public static class PaddedBatch
{
    /// <summary>What the loss does not look at.</summary>
    public const int Ignored = -100;

    /// <summary>Pads rows at their ends to the longest.</summary>
    /// <returns>(B, longest), int64.</returns>
    public static Tensor Pad(IReadOnlyList<int[]> rows, int with, Device? device = null)
    {
        var width = rows.Max(row => row.Length);
        var flat = new long[rows.Count * width];
        Array.Fill(flat, with);
        for (var row = 0; row < rows.Count; row++)
        {
            for (var i = 0; i < rows[row].Length; i++)
            {
                flat[(row * width) + i] = rows[row][i];
            }
        }

        return tensor(flat, rows.Count, width, device: device);
    }

    /// <summary>1 where a row has a token, 0 where <see cref="Pad"/> fills it up.</summary>
    /// <returns>(B, longest), int64.</returns>
    public static Tensor Mask(IReadOnlyList<int[]> rows, Device? device = null) =>
        Pad([.. rows.Select(row => { var ones = new int[row.Length]; Array.Fill(ones, 1); return ones; })], 0, device);
}
