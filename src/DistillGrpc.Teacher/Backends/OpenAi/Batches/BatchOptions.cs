namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>How a teacher's questions are collected.</summary>
/// <param name="Size">Most questions of a batch.</param>
/// <param name="Wait">A batch that is not full is sent when no question has come for so long.</param>
/// <param name="Timeout">Longest wait for a batch.</param>
internal sealed record BatchOptions(int Size, TimeSpan Wait, TimeSpan Timeout);
