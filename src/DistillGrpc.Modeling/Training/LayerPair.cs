namespace DistillGrpc.Modeling.Training;

/// <summary>A student's layer and the teacher's that it is drawn to. Layer 0 is what goes into the first block, layer i what block i gives, the last behind the stack's final norm (Hugging Face's <c>hidden_states</c>).</summary>
/// <param name="Student">The student's layer.</param>
/// <param name="Teacher">The teacher's layer.</param>
public readonly record struct LayerPair(int Student, int Teacher)
{
    /// <summary>Every block's output, evenly spread over the teacher's blocks, the last to the last.</summary>
    /// <param name="studentLayers">Blocks of the student's stack.</param>
    /// <param name="teacherLayers">Blocks of the teacher's stack.</param>
    public static IReadOnlyList<LayerPair> Spread(int studentLayers, int teacherLayers) =>
        [.. Enumerable.Range(1, studentLayers).Select(layer => new LayerPair(layer, (int)Math.Round((double)layer * teacherLayers / studentLayers)))];
}
