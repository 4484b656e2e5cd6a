using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Tests.Operating;
using DistillGrpc.Student.Tests.Serving.Classifying;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Versions that take each other's place while a request, for which they read a rationale of the Teacher's, is under way.</summary>
public sealed class EntranceTests
{
    [Theory]
    [InlineData(false, "teachers/a", "", 1)]
    [InlineData(true, "teachers/a", "", 1)]
    [InlineData(false, "teachers/b", "", 2)]
    [InlineData(true, "teachers/a", "prompts/b", 2)]
    public async Task Enter_VersionSwappedWhileTheTeacherIsAsked_AsksAnewOnlyForAnotherTeachersWord(bool classifies, string teacherOfSecond, string promptOfSecond, int expected)
    {
        await using var teacher = await new FakeTeacher().StartAsync();
        await using var student = await VersionedStudent.StartAsync(
            version => new ScriptedEngine(text => text.Contains("rains", StringComparison.Ordinal) ? "wet" : "dry"),
            new() { ["stable"] = 1 },
            card: version => new ModelCard { Form = PredictionForm.LabelFromRationale, Labels = ["dry", "wet"], Teacher = version == 1 ? "teachers/a" : teacherOfSecond, Prompt = version == 1 ? "" : promptOfSecond },
            settings: [teacher.Setting]);
        teacher.Answer = _ =>
        {
            student.Models.SetAliasAsync("models/x/versions/2", "stable").GetAwaiter().GetResult();
            return new RationaleResult { Rationale = "It rains." };
        };

        var (model, label) = classifies
            ? await student.Client.ClassifyAsync(new ClassifyRequest { Model = "models/x", Segments = { "out?" } }) is var found ? (found.Model, found.Label) : default
            : await student.Client.PredictAsync(new PredictRequest { Model = "models/x", Segments = { "out?" } }) is var answer ? (answer.Model, answer.Label.Text) : default;

        Assert.Equal(("models/x/versions/2", "wet"), (model, label));
        Assert.Equal(expected, teacher.Asked.Count);
        Assert.Equal((teacherOfSecond, promptOfSecond), (teacher.Asked.Last().Spec.Teacher, teacher.Asked.Last().Spec.Prompt));
    }
}
