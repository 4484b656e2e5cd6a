using DistillGrpc.Teacher.Answers;

namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>What came of one request of a batch: an answer or a failure.</summary>
/// <param name="Id">The request's.</param>
/// <param name="Answer">The answer, whole; its cost is still to be computed.</param>
/// <param name="Failure">Why there is none: UNAVAILABLE where it may be asked again.</param>
internal sealed record BatchResult(string Id, WrittenAnswer? Answer, TeacherRowException? Failure);
