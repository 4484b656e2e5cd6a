namespace DistillGrpc.Student.Training;

/// <summary>Folders with models that a run begins with.</summary>
/// <param name="Base">What the student is made from; null for a preset.</param>
/// <param name="Teacher">The local teacher; null without one.</param>
internal sealed record RunSources(string? Base, string? Teacher);
