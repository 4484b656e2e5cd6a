using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Parsing;
using DistillGrpc.Teacher.Prompts;

namespace DistillGrpc.Teacher.Explaining;

/// <summary>A teacher of a plan.</summary>
/// <param name="Name"><c>teachers/{id}</c>.</param>
/// <param name="Backend">Who is asked.</param>
/// <param name="Prompt">How; null where the backend takes no prompt.</param>
/// <param name="Weight">Its share of the inputs, or of the vote.</param>
/// <param name="PermitsDistillation">Whether its terms permit to train on its answers, as the operator says.</param>
internal sealed record PlannedTeacher(string Name, ITeacherBackend Backend, Prompt? Prompt, double Weight, bool PermitsDistillation)
{
    /// <summary>How its labels look. Teachers without a prompt may give equations, which are compared as text where they are none.</summary>
    public AnswerForm Form => Prompt?.Format.Form ?? AnswerForm.Equation;
}
