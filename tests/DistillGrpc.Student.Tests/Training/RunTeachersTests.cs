using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training;

namespace DistillGrpc.Student.Tests.Training;

public sealed class RunTeachersTests
{
    private static readonly Example[] Rows = [Row("teachers/gpt", "prompts/p"), new Example(), Row("teachers/gpt", "prompts/p")];

    [Fact]
    public void Complete_RowsOfOneTeacher_NamesIt()
    {
        var card = RunTeachers.Complete(new ModelCard(), Rows);

        Assert.Equal(("teachers/gpt", "prompts/p"), (card.Teacher, card.Prompt));
    }

    [Fact]
    public void Complete_TeacherThatTheRunNames_IsKept()
    {
        var spec = RunSpec.Check(new TrainingSpec { ModelId = "m", Preset = "micro", Teacher = new TeacherSource { Teacher = "teachers/own", Prompt = "prompts/own" } });

        var card = RunTeachers.Complete(spec.Card, Rows);

        Assert.Equal(("teachers/own", "prompts/own"), (card.Teacher, card.Prompt));
    }

    [Fact]
    public void Complete_RowsOfSeveralTeachersOrNone_NamesNobody()
    {
        Assert.Equal("", RunTeachers.Complete(new ModelCard(), [.. Rows, Row("teachers/llama", "prompts/p")]).Teacher);
        Assert.Equal("", RunTeachers.Complete(new ModelCard(), [new Example()]).Teacher);
    }

    private static Example Row(string teacher, string prompt) => new() { Teaching = new Teaching { Provenance = new Provenance { Teacher = teacher, Prompt = prompt } } };
}
