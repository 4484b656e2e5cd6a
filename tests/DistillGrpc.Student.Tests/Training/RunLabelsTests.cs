using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Training;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Tests.Training;

public sealed class RunLabelsTests
{
    [Fact]
    public void Of_RowsOfAFewClasses_AreTheOnesThatAreLearnt()
    {
        Example[] rows = [Row("yes", "no"), Row("no", "no"), Row("yes", "maybe"), Row("", "perhaps")];

        Assert.Equal(["no", "perhaps", "yes"], Of(LabelSource.Unspecified, rows));
        Assert.Equal(["no", "yes"], Of(LabelSource.Gold, rows));
        Assert.Equal(["maybe", "no", "perhaps"], Of(LabelSource.Teacher, rows));
    }

    [Fact]
    public void Of_LabelsThatAreNoClasses_AreNone()
    {
        Assert.Equal(LabelMetrics.MaxClasses, Of(LabelSource.Gold, [.. Enumerable.Range(0, LabelMetrics.MaxClasses).Select(i => Row($"{i}"))]).Count);
        Assert.Empty(Of(LabelSource.Gold, [.. Enumerable.Range(0, LabelMetrics.MaxClasses + 1).Select(i => Row($"{i}"))]));
        Assert.Empty(Of(LabelSource.Gold, [Row("yes"), Row(new string('x', LabelMetrics.MaxClassLength + 1))]));
    }

    private static IReadOnlyList<string> Of(LabelSource source, Example[] rows) => RunLabels.Of(RunSpec.Check(new TrainingSpec { ModelId = "x", Preset = "micro", LabelSource = source }), rows);

    private static Example Row(string label, string teacher = "") => new() { Id = "1", Segments = { "x" }, Label = label, TeacherLabel = teacher };
}
