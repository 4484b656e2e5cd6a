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
    public static OneTextParts Of(ServingModel model, GeneratedAnswer answer, TaskDecoding decoding)
    {
        var (forced, stops) = (decoding.Forced, decoding.Spec.Stops);
        int[] tokens = [.. answer.Tokens];
        var (before, behind) = (model.Prompts.RationaleIn(tokens), model.Prompts.LabelIn(tokens));
        var rationale = AnswerText.Of(model.Tokenizer, forced, stops, before);
        // A stop text in the rationale ends both.
        var label = AnswerText.Of(model.Tokenizer, [], stops, rationale.IsStopped ? [] : behind);
        var hasLabel = before.Length < tokens.Length;
        return new OneTextParts(
            new AnswerPart(answer, rationale.Text, rationale.IsStopped ? FinishReason.Stop : hasLabel || answer.HasEnded ? FinishReason.EndOfSequence : FinishReason.Length, 0, rationale.Tokens, decoding.LengthPenalty),
            new AnswerPart(answer, label.Text, rationale.IsStopped || label.IsStopped ? FinishReason.Stop : answer.HasEnded ? FinishReason.EndOfSequence : FinishReason.Length, tokens.Length - behind.Length, label.Tokens, decoding.LengthPenalty));
    }
}
