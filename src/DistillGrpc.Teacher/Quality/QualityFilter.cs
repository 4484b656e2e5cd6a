using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Parsing;

namespace DistillGrpc.Teacher.Quality;

/// <summary>Says whether a row is fit to train on, and if not, why.</summary>
internal static class QualityFilter
{
    /// <summary>All reasons against a row; none where it is accepted. The judge has not been asked yet.</summary>
    public static IEnumerable<RejectionReason> Reasons(Example input, RationaleResult result, QualityRules rules, AnswerForm form)
    {
        if (OfOutcome(result.ParseOutcome) is { } unusable)
        {
            yield return unusable;
        }

        if (rules.RequireGoldLabel && input.Label.Length > 0 && result.Label.Length > 0 && !LabelComparison.IsGold(result.Label, input.Label, input.Answer, form))
        {
            yield return RejectionReason.WrongLabel;
        }

        if (result.Agreement > 0 && result.Agreement < rules.MinAgreement)
        {
            yield return RejectionReason.LowAgreement;
        }

        if (result.Rationale.Length == 0)
        {
            yield break;
        }

        if (rules.RejectLabelLeak && result.Label.Length > 0 && LabelLeak.IsIn(result.Rationale, result.Label, form))
        {
            yield return RejectionReason.LabelLeak;
        }

        var words = rules.MinWords > 1 || rules.MaxWords > 0 ? Words.Of(result.Rationale).Count : 0;
        if (rules.MinWords > 1 && words < rules.MinWords)
        {
            yield return RejectionReason.TooShort;
        }

        if (rules.MaxWords > 0 && words > rules.MaxWords)
        {
            yield return RejectionReason.TooLong;
        }

        if (rules.Language.Length > 0 && !LanguageGuess.IsIn(result.Rationale, rules.Language))
        {
            yield return RejectionReason.Language;
        }
    }

    /// <summary>The reason that an outcome stands for; null where rationale and label are there.</summary>
    public static RejectionReason? OfOutcome(ParseOutcome outcome) => outcome switch
    {
        ParseOutcome.Parsed => null,
        ParseOutcome.NoLabel => RejectionReason.NoLabel,
        ParseOutcome.LabelOutsideSet => RejectionReason.LabelOutsideSet,
        ParseOutcome.SeveralLabels => RejectionReason.SeveralLabels,
        ParseOutcome.EmptyRationale => RejectionReason.EmptyRationale,
        ParseOutcome.Refusal => RejectionReason.Refusal,
        ParseOutcome.Truncated => RejectionReason.Truncated,
        ParseOutcome.Echo => RejectionReason.Echo,
        _ => RejectionReason.Failed,
    };

    /// <summary>The verdict that reasons make.</summary>
    public static Verdict VerdictOf(IEnumerable<RejectionReason> reasons)
    {
        var verdict = new Verdict { Reasons = { reasons } };
        verdict.Accepted = verdict.Reasons.Count == 0;
        return verdict;
    }
}
