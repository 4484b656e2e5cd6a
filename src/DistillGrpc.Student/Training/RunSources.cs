namespace DistillGrpc.Student.Training;

/// <summary>Folders that a run begins with.</summary>
/// <param name="Base">What the student is made from; null for a preset.</param>
/// <param name="Teacher">The local teacher; null without one.</param>
/// <param name="Vocabulary">The tokenizer of a student that is made from a preset; null to take the local teacher's, or to build one from the rows.</param>
internal sealed record RunSources(string? Base, string? Teacher = null, string? Vocabulary = null);
