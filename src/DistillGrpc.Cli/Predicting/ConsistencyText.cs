using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Predicting;

/// <summary>What is said of a rationale and a label.</summary>
internal static class ConsistencyText
{
    /// <summary>A sentence, with how that is known.</summary>
    public static string Sentence(Consistency consistency)
    {
        var how = consistency.Reading == LabelReading.Stated ? "as it states" : FormattableString.Invariant($"as the student reads it{(consistency.HasProbability ? $", probability {consistency.Probability:0.00}" : "")}");
        return consistency.Verdict switch
        {
            ConsistencyVerdict.Agrees => $"The rationale agrees with the label '{consistency.LabelGiven}', {how}.",
            ConsistencyVerdict.Disagrees => $"The rationale DISAGREES with the label '{consistency.LabelGiven}': it argues for '{consistency.LabelRead}', {how}.",
            _ => $"Whether the rationale agrees with the label '{consistency.LabelGiven}' cannot be told.",
        };
    }

    /// <summary>The verdict in a word.</summary>
    public static string Word(Consistency consistency) => consistency.Verdict switch
    {
        ConsistencyVerdict.Agrees => "agrees",
        ConsistencyVerdict.Disagrees => "disagrees",
        _ => "unknown",
    };
}
