using System.Text.Json;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Teaching;

/// <summary><c>distill teach --estimate</c>: what it would cost and how long it would take; nothing is asked.</summary>
internal static class Estimate
{
    public static async Task PrintAsync(ExtractionClient client, DataSource data, RationaleSpec spec, bool json, CancellationToken cancellationToken)
    {
        var estimate = await client.EstimateAsync(new ExtractionSpec { Rationales = spec }, data.ReadAsync(cancellationToken), cancellationToken);
        Console.WriteLine(json
            ? JsonSerializer.Serialize(new
            {
                inputs = estimate.Inputs,
                kept = estimate.Kept,
                refused = estimate.Refused,
                likely = Json(estimate.Likely),
                atMost = Json(estimate.AtMost),
                seconds = estimate.Duration?.ToTimeSpan().TotalSeconds,
            })
            : $"{estimate.Inputs - estimate.Kept} inputs to ask{(estimate.Kept > 0 ? $", {estimate.Kept} answered before" : "")}{(estimate.Refused > 0 ? $", {estimate.Refused} that are refused or repeat others" : "")}\n"
              + $"likely   {Text(estimate.Likely)}{(estimate.Duration is { } time ? $", in {time.ToTimeSpan():d\\.hh\\:mm\\:ss}" : "")}\nat most  {Text(estimate.AtMost)}");
    }

    private static string Text(Usage? usage) => $"cost {Money.Text(usage?.CostNanos ?? 0)} ({usage?.InputTokens ?? 0} tokens read, {usage?.OutputTokens ?? 0} written)";

    private static object Json(Usage? usage) => new { cost = Money.Amount(usage?.CostNanos ?? 0), inputTokens = usage?.InputTokens ?? 0, outputTokens = usage?.OutputTokens ?? 0 };
}
