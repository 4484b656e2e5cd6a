namespace DistillGrpc.Modeling.Scoring;

/// <summary>How a predicted label is compared with the gold one.</summary>
public enum ScoringRule
{
    /// <summary>Equal after trimming and joining runs of white space.</summary>
    ExactMatch,

    /// <summary>Both are equations of the same value.</summary>
    Equation,
}

/// <summary>Compares labels.</summary>
public static class ScoringRules
{
    /// <summary>Relative difference up to which two values are the same.</summary>
    private const double Tolerance = 1e-4;

    /// <summary>Whether a prediction is right.</summary>
    /// <param name="rule">The rule.</param>
    /// <param name="prediction">What the student wrote.</param>
    /// <param name="label">The gold label.</param>
    /// <param name="answer">The gold label's value where it is known apart from the label, or empty.</param>
    public static bool IsRight(this ScoringRule rule, string prediction, string label, string answer = "")
    {
        if (rule == ScoringRule.ExactMatch)
        {
            return Normal(prediction) == Normal(label);
        }

        var gold = answer.Length > 0 ? answer : label;
        return Scoring.Equation.TryEvaluate(prediction, out var value) && Scoring.Equation.TryEvaluate(gold, out var expected)
            && Math.Abs(value - expected) <= Tolerance * Math.Max(1, Math.Abs(expected));
    }

    /// <summary>A label as it is compared: trimmed, with runs of white space joined.</summary>
    public static string Normal(string text) => string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
}
