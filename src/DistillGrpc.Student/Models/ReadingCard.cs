namespace DistillGrpc.Student.Models;

/// <summary>
/// When a label that is read from a rationale of this student can be relied on, as measured on rows when it was trained. Without, nobody knows: a rationale for
/// <c>yes</c> may say "there is no doubt", and a student that has only ever read inputs may be sure of anything.
/// </summary>
/// <param name="Place">Where rationales have their label; null where they have it in no one place.</param>
/// <param name="TellingLabels">The labels that tell the label of a rationale that names no other.</param>
/// <param name="LeastProbability">From which probability on the label is right that the student reads; null where it cannot read its rationales.</param>
internal sealed record ReadingCard(LabelPlace? Place, IReadOnlyList<string> TellingLabels, double? LeastProbability);
