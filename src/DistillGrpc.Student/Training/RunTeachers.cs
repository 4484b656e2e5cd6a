using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;

namespace DistillGrpc.Student.Training;

/// <summary>Who taught a run's rows.</summary>
internal static class RunTeachers
{
    /// <summary>Names the teacher and the prompt that all rows with a teacher's answer have from, where the card names none, and they are one.</summary>
    public static ModelCard Complete(ModelCard card, IReadOnlyList<Example> rows)
    {
        if (card.Teacher.Length > 0)
        {
            return card;
        }

        var taught = rows.Select(row => row.Teaching?.Provenance).OfType<Provenance>().Select(from => (from.Teacher, from.Prompt)).Distinct().Take(2).ToArray();
        return taught is [var (teacher, prompt)] ? card with { Teacher = teacher, Prompt = card.Prompt.Length > 0 ? card.Prompt : prompt } : card;
    }
}
