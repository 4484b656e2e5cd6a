using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>What a task has of the tokens that were written.</summary>
/// <param name="Answer">The answer that it is a part of.</param>
/// <param name="Text">The text.</param>
/// <param name="End">Why it ends.</param>
/// <param name="First">Its first token.</param>
/// <param name="Count">Its tokens.</param>
/// <param name="LengthPenalty">What beams are ranked with; 0 for samples.</param>
internal readonly record struct AnswerPart(GeneratedAnswer Answer, string Text, FinishReason End, int First, int Count, double LengthPenalty)
{
    /// <summary>The sum of its tokens' log-probabilities.</summary>
    public double LogProbability => Answer.LogProbabilities.Skip(First).Take(Count).Sum(value => (double)value);

    /// <summary>What it is ranked by. What a stop text has cut off does not count.</summary>
    public double Score => End == FinishReason.Stop ? LogProbability / Math.Pow(Math.Max(1, Count), LengthPenalty) : Answer.Score;
}
