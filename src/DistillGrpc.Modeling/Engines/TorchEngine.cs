using System.Runtime.InteropServices;
using DistillGrpc.Modeling.T5;
using DistillGrpc.Modeling.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace DistillGrpc.Modeling.Engines;

/// <summary>
/// A <see cref="T5Model"/> as an engine, on the CPU or a GPU, in float32 or bfloat16: what other engines are measured by. The threads of a
/// matrix product are those of the calling thread (<c>torch.set_num_threads</c>).
/// </summary>
public sealed class TorchEngine : IT5Engine
{
    private readonly T5Model _model;
    private readonly bool _ownsModel;
    private readonly TorchCaches _caches;

    /// <summary>An engine over a model, which serves from now on, that is without dropout.</summary>
    /// <param name="model">The model, where it is and of the type that it has.</param>
    /// <param name="ownsModel">Whether the model is disposed with the engine; default yes.</param>
    public TorchEngine(T5Model model, bool ownsModel = true)
    {
        model.eval();
        (_model, _ownsModel, _caches) = (model, ownsModel, new TorchCaches(model));
        Name = $"torch {model.Device.type.ToString().ToLowerInvariant()} {model.Type.ToString().ToLowerInvariant()}";
        WeightBytes = model.parameters().Sum(parameter => parameter.numel() * parameter.ElementSize);
    }

    /// <inheritdoc/>
    public string Name { get; }

    /// <inheritdoc/>
    public T5Config Config => _model.Config;

    /// <inheritdoc/>
    public long WeightBytes { get; }

    /// <summary>Loads a directory in Hugging Face layout, as <see cref="T5Checkpoint.Load"/>.</summary>
    /// <param name="directory">The directory.</param>
    /// <param name="type">float32 (default) or bfloat16.</param>
    /// <param name="device">Where it computes; default the CPU.</param>
    /// <exception cref="InvalidDataException">A file is missing, damaged, or contradicts another.</exception>
    public static TorchEngine Load(string directory, ScalarType type = ScalarType.Float32, Device? device = null)
    {
        using var scope = NewDisposeScope();
        var model = T5Checkpoint.Load(directory, type);
        model.to(device ?? CPU);
        model.LeaveDisposeScope();
        return new TorchEngine(model);
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">An input is empty, or has an id that the model does not have.</exception>
    public IReadOnlyList<T5Encoding> Encode(IReadOnlyList<int[]> inputs)
    {
        if (inputs.Any(input => input.Length == 0 || Array.Exists(input, IsUnknown)))
        {
            throw new ArgumentException($"Inputs must have tokens, each 0 to {Config.VocabularySize - 1}.", nameof(inputs));
        }

        if (inputs.Count == 0)
        {
            return [];
        }

        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        var encoded = _model.Encode(PaddedBatch.Pad(inputs, Config.PadId, _model.Device), PaddedBatch.Mask(inputs, _model.Device));
        var cross = _model.Project(encoded);
        return [.. inputs.Select((input, row) => new TorchEncoding(Array.ConvertAll(cross, both => Row(both, row, input.Length)), input.Length))];
    }

    /// <inheritdoc/>
    public T5Sequence Start(T5Encoding encoding, int maxLength)
    {
        using var inference = inference_mode();
        var input = (TorchEncoding)encoding;
        return Added(new TorchSequence(_caches, input, maxLength), sequence => _caches.Add(sequence, input));
    }

    /// <inheritdoc/>
    public T5Sequence Fork(T5Sequence sequence)
    {
        using var inference = inference_mode();
        return Added(new TorchSequence(_caches, sequence.Encoding, sequence.MaxLength), fork => _caches.Fork((TorchSequence)sequence, fork));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A sequence is there twice or is none of this engine's, a token is none of the model's, or the logits do not fit.</exception>
    /// <exception cref="InvalidOperationException">A sequence's length is used up.</exception>
    public void Step(ReadOnlySpan<StepRow> rows, Span<float> logits)
    {
        if (rows.Length == 0)
        {
            return;
        }

        var step = BySlot(rows);
        if (logits.Length < rows.Length * Config.VocabularySize)
        {
            throw new ArgumentException($"Logits must have room for {rows.Length} rows of {Config.VocabularySize}.", nameof(logits));
        }

        using var inference = inference_mode();
        using var scope = NewDisposeScope();
        _caches.RequireLength(step.Max(row => row.Sequence.Length) + 1);
        var tokens = tensor(Array.ConvertAll(step, row => (long)row.Token), step.Length, 1, device: _model.Device);
        var hidden = _model.Step(tokens, _caches.Self, _caches.Cross, TorchStep.Plan(_caches, Config, _model.Device, Array.ConvertAll(step, row => row.Sequence)));
        WriteWhole(hidden, step, logits);
        WriteSome(hidden, step, logits);
        Array.ForEach(step, row => row.Sequence.Length++);
    }

    /// <summary>Gives all memory back; what is being written cannot go on.</summary>
    public void Dispose()
    {
        _caches.Dispose();
        if (_ownsModel)
        {
            _model.Dispose();
        }
    }

    // Where there is no memory for it the input is not held.
    private static TorchSequence Added(TorchSequence sequence, Action<TorchSequence> add)
    {
        try
        {
            add(sequence);
            return sequence;
        }
        catch
        {
            sequence.Dispose();
            throw;
        }
    }

    private static T5AttentionCache Row(T5AttentionCache both, int row, int length)
    {
        Tensor Of(Tensor padded) => padded.narrow(0, row, 1).narrow(2, 0, length).clone().DetachFromDisposeScope();
        return new T5AttentionCache(Of(both.Key), Of(both.Value));
    }

    private bool IsUnknown(int token) => token < 0 || token >= Config.VocabularySize;

    private TorchStep[] BySlot(ReadOnlySpan<StepRow> rows)
    {
        var step = new TorchStep[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            if (rows[i].Sequence is not TorchSequence { Slot: >= 0 } sequence || sequence.Caches != _caches || IsUnknown(rows[i].Token))
            {
                throw new ArgumentException("A row has a sequence that is none of this engine's, or a token that is none of the model's.", nameof(rows));
            }

            step[i] = new TorchStep(sequence, rows[i].Token, rows[i].Candidates, i);
        }

        Array.Sort(step, static (a, b) => a.Sequence.Slot - b.Sequence.Slot);
        for (var i = 0; i < step.Length; i++)
        {
            if (i > 0 && step[i].Sequence == step[i - 1].Sequence)
            {
                throw new ArgumentException("A sequence is in the step twice.", nameof(rows));
            }

            if (step[i].Sequence.Length == step[i].Sequence.MaxLength)
            {
                throw new InvalidOperationException($"All {step[i].Sequence.MaxLength} steps of a sequence are made.");
            }
        }

        return step;
    }

    // Rows that ask for the vocabulary.
    private void WriteWhole(Tensor hidden, TorchStep[] step, Span<float> logits)
    {
        long[] whole = [.. Enumerable.Range(0, step.Length).Where(i => step[i].Candidates is null).Select(i => (long)i)];
        if (whole.Length == 0)
        {
            return;
        }

        var part = whole.Length == step.Length ? hidden : hidden.index_select(0, tensor(whole, device: hidden.device));
        var values = Values(_model.Head(part));
        for (var i = 0; i < whole.Length; i++)
        {
            values.Slice(i * Config.VocabularySize, Config.VocabularySize).CopyTo(logits[(step[whole[i]].Row * Config.VocabularySize)..]);
        }
    }

    // Rows that ask for some tokens.
    private void WriteSome(Tensor hidden, TorchStep[] step, Span<float> logits)
    {
        for (var i = 0; i < step.Length; i++)
        {
            if (step[i].Candidates is { Length: > 0 } candidates)
            {
                using var scope = NewDisposeScope();
                var weights = _model.HeadWeight.index_select(0, tensor(candidates, device: hidden.device));
                var values = Values(nn.functional.linear(_model.HeadInput(hidden.narrow(0, i, 1)), weights));
                for (var j = 0; j < candidates.Length; j++)
                {
                    logits[(step[i].Row * Config.VocabularySize) + candidates[j]] = values[j];
                }
            }
        }
    }

    private static ReadOnlySpan<float> Values(Tensor tensor) => MemoryMarshal.Cast<byte, float>(tensor.to(float32).cpu().contiguous().bytes);
}
