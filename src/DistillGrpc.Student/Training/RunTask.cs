using DistillGrpc.Modeling.Training;

namespace DistillGrpc.Student.Training;

/// <summary>A task of a run.</summary>
/// <param name="Name">As <see cref="TaskBatch.Name"/>.</param>
/// <param name="Rows">Its rows.</param>
/// <param name="Weight">Weight of its loss.</param>
internal sealed record RunTask(string Name, IReadOnlyList<TaskRow> Rows, double Weight);
