using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Requests;

namespace DistillGrpc.Student.Serving.Answers;

/// <summary>The rationale and the label of an answer that was written as one text.</summary>
internal readonly record struct OneTextParts(AnswerPart Rationale, AnswerPart Label)
{
    /// <summary>What both are ranked by. What a stop text has cut off does not count.</summary>
    public double Score => Rationale.End == FinishReason.Stop ? Rationale.Score : Label.End == FinishReason.Stop ? Rationale.LogProbability + Label.Score : Rationale.Answer.Score;

    /// <summary>Tells them apart.</summary>
    /// <param name="model">The model.</param>
    /// <param name="answer">The answer.</param>
    /// <param name="decoding">How it was written.</param>
    /// <param name="maxTokens">Most tokens of each.</param>
    public static OneTextParts Of(ServingModel model, GeneratedAnswer answer, TaskDecoding decoding, int maxTokens)
    {
        var (forced, stops) = (decoding.Forced, decoding.Spec.Stops);
        int[] tokens = [.. answer.Tokens];
        var (before, behind) = (model.Prompts.RationaleIn(tokens), model.Prompts.LabelIn(tokens));
        var rationale = AnswerText.Of(model.Tokenizer, forced, stops, before.Take(maxTokens));
        // A stop text in the rationale ends both.
        var label = AnswerText.Of(model.Tokenizer, [], stops, rationale.IsStopped ? [] : behind.Take(maxTokens));
        var hasRationale = before.Length <= maxTokens && (before.Length < tokens.Length || answer.HasEnded);
        var hasLabel = behind.Length <= maxTokens && answer.HasEnded;
        return new OneTextParts(
            new AnswerPart(answer, rationale.Text, End(rationale.IsStopped, hasRationale), 0, rationale.Tokens, decoding.LengthPenalty),
            new AnswerPart(answer, label.Text, End(rationale.IsStopped || label.IsStopped, hasLabel), tokens.Length - behind.Length, label.Tokens, decoding.LengthPenalty));

        static FinishReason End(bool isStopped, bool hasEnded) => isStopped ? FinishReason.Stop : hasEnded ? FinishReason.EndOfSequence : FinishReason.Length;
    }
}
