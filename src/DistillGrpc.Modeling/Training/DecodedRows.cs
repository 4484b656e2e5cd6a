using DistillGrpc.Modeling.T5;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Training;

/// <summary>
/// Rows through the decoder, with the head only where there is a target: neither padding nor a forced prefix costs logits.
/// N is the number of target tokens, row by row; shapes are T5Model's besides.
/// </summary>
internal sealed class DecodedRows
{
    private readonly Tensor? _logits;

    public DecodedRows(T5Model model, Tensor encoded, Tensor mask, IReadOnlyList<(IReadOnlyList<int> Prefix, int[] Target)> rows, T5Trace trace, bool needsLogits)
    {
        Lengths = [.. rows.Select(row => row.Target.Length)];
        InputIds = PaddedBatch.Pad([.. rows.Select(row => DecoderInput(row.Prefix, row.Target, model.Config.DecoderStartId))], model.Config.PadId, model.Device);
        Targets = tensor(rows.SelectMany(row => row.Target).Select(id => (long)id).ToArray(), device: model.Device);
        var width = InputIds.shape[1];
        Places = tensor(rows.SelectMany((row, i) => Enumerable.Range(row.Prefix.Count, row.Target.Length).Select(t => (i * width) + t)).ToArray(), device: model.Device);
        var hidden = model.DecodeHidden(encoded, mask, InputIds, trace);
        States = [.. trace.TakeStates(), hidden];
        Hidden = AtTargets(hidden);
        _logits = needsLogits ? model.Head(Hidden).to(float32) : null;
    }

    /// <summary>Target tokens of every row.</summary>
    public int[] Lengths { get; }

    /// <summary>(B, T).</summary>
    public Tensor InputIds { get; }

    /// <summary>(N).</summary>
    public Tensor Targets { get; }

    /// <summary>(N): where in a flat (B * T) the targets are.</summary>
    public Tensor Places { get; }

    /// <summary>(N, D): what goes into the head.</summary>
    public Tensor Hidden { get; }

    public bool HasLogits => _logits is not null;

    /// <summary>(N, V), float32.</summary>
    /// <exception cref="InvalidOperationException">Nobody needed them.</exception>
    public Tensor Logits => _logits ?? throw new InvalidOperationException("The logits were not asked for.");

    /// <summary>(B, T, D) each, where they were asked for.</summary>
    public IReadOnlyList<Tensor> States { get; }

    /// <summary>(B, T, X) to (N, X).</summary>
    public Tensor AtTargets(Tensor hidden) => hidden.reshape(-1, hidden.shape[2]).index_select(0, Places);

    // Shifted right behind the start id; whatever stands beyond the target is not looked at.
    private static int[] DecoderInput(IReadOnlyList<int> prefix, int[] target, int start) => [start, .. prefix, .. target.AsSpan(0, Math.Max(0, target.Length - 1))];
}
