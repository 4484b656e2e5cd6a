using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli;

/// <summary><c>distill teach</c>: rows in, the same rows with a teacher's rationale and label out.</summary>
internal static class TeachCommand
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create()
    {
        var data = new Option<FileInfo>("--data") { Description = "JSONL rows to explain.", Required = true };
        var output = new Option<FileInfo?>("--out") { Description = "Where the rows go, in the order they finish; default standard output." };
        var name = new Option<string>("--name") { Description = "The teacher, teachers/{id}; default the Teacher's.", DefaultValueFactory = _ => "" };
        var prompt = new Option<string>("--prompt") { Description = "The prompt, prompts/{id}; default the teacher's.", DefaultValueFactory = _ => "" };
        var maxTokens = new Option<int>("--max-tokens") { Description = "Most tokens of an answer; 0 for the teacher's default." };
        var budget = new Option<decimal>("--budget") { Description = "Most that it may cost, in the currency of the teacher's prices; 0 for no limit but the operator's." };
        var teacher = Addresses.Teacher();
        var command = new Command("teach", "Has a running Teacher explain rows. Run again, it pays only for rows that it has no answer to.") { data, output, name, prompt, maxTokens, budget, teacher };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () => RunAsync(
                parsed.GetValue(teacher)!, parsed.GetValue(data)!, parsed.GetValue(output),
                new RationaleSpec { Teacher = parsed.GetValue(name)!, Prompt = parsed.GetValue(prompt)!, MaxOutputTokens = parsed.GetValue(maxTokens), BudgetNanos = Nanos(parsed.GetValue(budget)) }, cancellationToken),
            cancellationToken));
        return command;
    }

    private static async Task RunAsync(string address, FileInfo data, FileInfo? output, RationaleSpec spec, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--teacher", address);
        var rows = await ExampleFile.ReadAsync(data.FullName, cancellationToken).ToListAsync(cancellationToken);
        var byId = rows.GroupBy(row => row.Id, StringComparer.Ordinal).ToDictionary(group => group.Key, group => group.First(), StringComparer.Ordinal);
        // A file is there whole or not at all; what it held before stays until then.
        var unfinished = output is null ? null : output.FullName + ".tmp";
        await using var writer = unfinished is null ? Console.Out : new StreamWriter(unfinished);
        var line = new ProgressLine();
        var (done, failed, kept, cost, failure, started) = (0, 0, 0, 0L, default(string), Stopwatch.GetTimestamp());
        try
        {
            await foreach (var response in new TeacherClient(channel).GenerateRationalesAsync(spec, rows.ToAsyncEnumerable(), cancellationToken))
            {
                if (response.Result is { } result)
                {
                    (done, failed) = (done + 1, failed + (result.Error is null ? 0 : 1));
                    failure ??= result.Error?.Message;
                    kept += result.Provenance?.Kept == true ? 1 : 0;
                    cost += result.Provenance?.Kept == false ? result.Usage.CostNanos : 0;
                    await writer.WriteLineAsync(Row(byId[result.InputId], result).AsMemory(), cancellationToken);
                    var remaining = Stopwatch.GetElapsedTime(started) / done * (rows.Count - done);
                    line.Show($"{ProgressLine.Bar((double)done / rows.Count)} {done}/{rows.Count}{(cost > 0 ? $" cost {Money(cost)}" : "")} ETA {remaining:h\\:mm\\:ss}");
                }
            }
        }
        catch when (unfinished is not null)
        {
            writer.Close();
            File.Delete(unfinished);
            throw;
        }

        line.Clear();
        await writer.FlushAsync(cancellationToken);
        if (unfinished is not null)
        {
            writer.Close();
            File.Move(unfinished, output!.FullName, overwrite: true);
        }

        await Console.Error.WriteLineAsync($"{done} rows, {failed} without an answer{(kept > 0 ? $", {kept} answered before" : "")}{(cost > 0 ? $", cost {Money(cost)}" : "")}.");
        if (failed == done && done > 0)
        {
            throw new InvalidDataException($"No row has an answer: {failure}");
        }
    }

    private static long Nanos(decimal amount) => amount is >= 0 and <= 1_000_000_000
        ? (long)(amount * 1_000_000_000)
        : throw new InvalidDataException($"--budget is {amount}, and must be 0 to 1000000000.");

    private static string Money(long nanos) => (nanos / 1_000_000_000m).ToString("0.######", CultureInfo.InvariantCulture);

    private static string Row(Example row, RationaleResult result) => JsonSerializer.Serialize(
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
            ["raw"] = result.ParseOutcome == ParseOutcome.Parsed ? "" : result.RawText,
            ["model"] = result.Provenance?.Model,
            ["prompt_hash"] = result.Provenance?.PromptHash,
            ["error"] = result.Error?.Message,
        }.Where(pair => pair.Value is not (null or "")).ToDictionary(),
        Json);
}
