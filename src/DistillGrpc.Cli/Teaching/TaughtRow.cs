using System.Text.Encodings.Web;
using System.Text.Json;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Teaching;

/// <summary>A row with what a teacher made of it, as a JSON object: what is read again as an example, and what is known about the answer. What is empty is left out.</summary>
internal static class TaughtRow
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static string Write(Example row, RationaleResult result)
    {
        var usage = result.Usage ?? new Usage();
        return JsonSerializer.Serialize(
            new Dictionary<string, object?>
            {
                ["id"] = row.Id,
                ["segments"] = row.Segments,
                ["label"] = row.Label,
                ["answer"] = row.Answer,
                ["group"] = row.Group,
                ["llm_label"] = result.Label,
                ["rationale"] = result.Rationale,
                ["outcome"] = $"{result.ParseOutcome}",
                ["accepted"] = Reasons.IsAccepted(result),
                ["reasons"] = NotEmpty(Reasons.Of(result).ToArray()),
                ["raw"] = result.ParseOutcome == ParseOutcome.Parsed ? "" : result.RawText,
                ["teacher"] = result.Provenance?.Teacher,
                ["model"] = result.Provenance?.Model,
                ["prompt_hash"] = result.Provenance?.PromptHash,
                ["rationalized"] = result.Provenance?.Rationalized == true ? true : null,
                ["kept"] = result.Provenance?.Kept == true ? true : null,
                ["cost"] = usage.CostNanos > 0 ? Money.Amount(usage.CostNanos) : null,
                ["paid"] = usage.CostNanos > 0 ? Money.Amount(result.PaidNanos) : null,
                ["input_tokens"] = usage.InputTokens > 0 ? usage.InputTokens : null,
                ["output_tokens"] = usage.OutputTokens > 0 ? usage.OutputTokens : null,
                ["agreement"] = result.Agreement > 0 ? result.Agreement : null,
                ["label_distribution"] = NotEmpty(result.LabelDistribution.GroupBy(label => label.Label, StringComparer.Ordinal).ToDictionary(same => same.Key, same => same.Sum(label => label.Probability), StringComparer.Ordinal)),
                ["samples"] = NotEmpty(result.Answers.Select(Sample).ToArray()),
                ["log_probabilities"] = NotEmpty(result.Tokens.Select(position => position.Tokens.Select(token => new object[] { token.Token, token.LogProbability })).ToArray()),
                ["error"] = result.Error?.Message,
            }.Where(pair => pair.Value is not (null or "")).ToDictionary(),
            Json);
    }

    private static Dictionary<string, string> Sample(SampledAnswer answer) => new Dictionary<string, string>
    {
        ["teacher"] = answer.Teacher,
        ["outcome"] = $"{answer.ParseOutcome}",
        ["llm_label"] = answer.Label,
        ["rationale"] = answer.Rationale,
    }.Where(pair => pair.Value.Length > 0).ToDictionary();

    private static T? NotEmpty<T>(T items)
        where T : class, System.Collections.ICollection => items.Count > 0 ? items : null;
}
