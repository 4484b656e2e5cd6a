namespace DistillGrpc.Teacher.Backends;

/// <summary>A teacher that the operator has configured.</summary>
/// <param name="Name"><c>teachers/{id}</c>.</param>
/// <param name="Backend">Who answers.</param>
/// <param name="PermitsDistillation">Whether its terms permit to train on its answers, as the operator says.</param>
internal sealed record ConfiguredTeacher(string Name, ITeacherBackend Backend, bool PermitsDistillation);
