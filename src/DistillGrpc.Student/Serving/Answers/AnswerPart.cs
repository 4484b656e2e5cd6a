using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>What a task has of the tokens that were written.</summary>
/// <param name="Text">The text.</param>
/// <param name="End">Why it ends.</param>
/// <param name="First">Its first token.</param>
/// <param name="Count">Its tokens.</param>
internal readonly record struct AnswerPart(string Text, FinishReason End, int First, int Count);
