using System.Globalization;
using System.Text;
using System.Text.Json;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Bench;

/// <summary>What was measured, for people and as JSON.</summary>
/// <param name="Model">The version that answered.</param>
/// <param name="Options">What was wanted.</param>
/// <param name="Process">Of a Student in this process: what it is; else null.</param>
/// <param name="Results">What came of each load.</param>
internal sealed record BenchReport(string Model, BenchOptions Options, PresetProcess? Process, IReadOnlyList<LoadResult> Results)
{
    private static readonly JsonSerializerOptions JsonOptions = new(JsonSerializerDefaults.Web);

    /// <summary>Why the command fails, or null where there were requests and every one was answered.</summary>
    public string? Failure
    {
        get
        {
            var (failed, all) = (Results.Sum(result => result.Failed), Results.Sum(result => result.Failed + result.Answered));
            var errors = Results.SelectMany(result => result.Errors).GroupBy(error => error.Key, (status, counts) => $"{status} {counts.Sum(count => count.Value)}");
            return failed > 0 ? $"{failed} of {all} requests failed: {string.Join(", ", errors)}."
                : Results.Any(result => result.Answered == 0) ? "No request came in that time: raise --seconds."
                : null;
        }
    }

    /// <summary>One object.</summary>
    public string Json() => JsonSerializer.Serialize(
        new
        {
            Model,
            Process?.Engine,
            Process?.WeightBytes,
            Process?.ResidentBytes,
            Task = $"{Options.Task}".ToLowerInvariant(),
            Options.InputTokens,
            Options.OutputTokens,
            Options.LengthRange,
            Options.Candidates,
            Options.Seed,
            Results,
        },
        JsonOptions);

    /// <summary>A table for each load.</summary>
    public string Text()
    {
        var text = new StringBuilder();
        text.AppendLine(CultureInfo.InvariantCulture, $"{Model}{ProcessText()}: {Options.InputTokens} tokens in, {Options.OutputTokens} out{RangeText()}, {TaskText()}");
        foreach (var (load, result) in Options.Loads.Zip(Results))
        {
            Append(text, load, result);
        }

        return text.ToString().TrimEnd();
    }

    private string ProcessText() => Process is null ? "" : string.Create(
        CultureInfo.InvariantCulture, $", {Process.Engine}, random weights that never end an answer, {Process.WeightBytes / 1e6:0} MB of them, {Process.ResidentBytes / 1e6:0} MB in memory");

    private string TaskText() => (Options.Task == PredictionTask.Both ? "label and rationale, each" : $"the {Options.Task}".ToLowerInvariant())
        + (Options.Candidates.Count > 0 ? string.Create(CultureInfo.InvariantCulture, $", the label one of {Options.Candidates.Count}") : "");

    private string RangeText() => Options.LengthRange > 0 ? string.Create(CultureInfo.InvariantCulture, $", up to {100 * Options.LengthRange:0}% more or less") : "";

    private void Append(StringBuilder text, Load load, LoadResult result)
    {
        var inTime = result.AnsweredInTime == result.Answered ? "" : string.Create(CultureInfo.InvariantCulture, $", {result.AnsweredInTime}");
        var sent = result.SentPerSecond is { } rate ? string.Create(CultureInfo.InvariantCulture, $", sent {rate:0.00}/s") : "";
        text.AppendLine().AppendLine(CultureInfo.InvariantCulture, $"{load}{sent}: {result.Answered} answered{inTime} in {result.Seconds:0.0} s, {result.RequestsPerSecond:0.00} requests/s, {result.OutputTokensPerSecond:0.0} output tokens/s");
        if (result.Answered > 0)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {"milliseconds",-28}{"p50",10}{"p95",10}{"p99",10}");
            Row(text, "first token", result.FirstTokenMs);
            Row(text, "each further token", result.FurtherTokenMs);
            Row(text, "request", result.RequestMs);
            Row(text, "all have their first token", result.AllBegunMs);
            Row(text, "all are answered", result.AllAnsweredMs);
            Row(text, "sent late", result.LateMs);
            Row(text, "the Student: queue", result.QueueMs);
            Row(text, "             tokenize", result.TokenizeMs);
            Row(text, "             encode", result.EncodeMs);
            Row(text, "             decode", result.DecodeMs);
            text.AppendLine(Tokens(result));
        }

        if (result.Failed > 0)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {result.Failed} failed: {string.Join(", ", result.Errors.Select(error => $"{error.Key} {error.Value}"))}");
        }
    }

    private string Tokens(LoadResult result)
    {
        var (input, output) = (result.InputTokens!, result.OutputTokens!);
        var wanted = Options.OutputTokens * (Options.Task == PredictionTask.Both ? 2 : 1);
        var end = output.Min < wanted && Options.LengthRange == 0 && Options.Candidates.Count == 0 ? $" (of {wanted}: the model ends its answers itself)" : "";
        return $"  tokens in {Range(input)}, out {Range(output)}{end}";
    }

    private static string Range(Distribution tokens) =>
        tokens.Min == tokens.Max ? string.Create(CultureInfo.InvariantCulture, $"{tokens.Min:0}") : string.Create(CultureInfo.InvariantCulture, $"{tokens.Min:0} to {tokens.Max:0}, mean {tokens.Mean:0.0}");

    private static void Row(StringBuilder text, string name, Distribution? times)
    {
        if (times is not null)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {name,-28}{times.P50,10:0.00}{times.P95,10:0.00}{times.P99,10:0.00}");
        }
    }
}
