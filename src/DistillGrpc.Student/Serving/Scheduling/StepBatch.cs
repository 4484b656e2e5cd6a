using System.Runtime.InteropServices;
using DistillGrpc.Modeling.Engines;

namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>The rows of a step, and what the engine gives them, in memory that is used again.</summary>
internal sealed class StepBatch(IT5Engine engine)
{
    private readonly List<StepRow> _rows = [];
    private readonly int _vocabulary = engine.Config.VocabularySize;
    private float[] _logits = [];

    /// <summary>Rows of the step.</summary>
    public int Rows => _rows.Count;

    /// <summary>Takes the rows of all jobs, in their order.</summary>
    public void Collect(List<GenerationJob> jobs)
    {
        _rows.Clear();
        foreach (var job in jobs)
        {
            job.Generation!.Collect(_rows);
        }
    }

    /// <summary>Makes the step.</summary>
    public void Step()
    {
        var length = _rows.Count * _vocabulary;
        if (_logits.Length < length)
        {
            _logits = GC.AllocateUninitializedArray<float>(Math.Max(length, 2 * _logits.Length));
        }

        engine.Step(CollectionsMarshal.AsSpan(_rows), _logits.AsSpan(0, length));
    }

    /// <summary>What some rows got.</summary>
    public ReadOnlySpan<float> Logits(int first, int rows) => _logits.AsSpan(first * _vocabulary, rows * _vocabulary);
}
