using System.CommandLine;
using System.Text.Json;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Scoring;

namespace DistillGrpc.Cli;

/// <summary><c>distill eval</c>: how many held-out rows a running Student answers rightly.</summary>
internal static class EvalCommand
{
    public static Command Create()
    {
        var data = new DataOptions("Rows with labels.");
        var model = new Option<string>("--model") { Description = "The model, models/{id}; default the Student's.", DefaultValueFactory = _ => "" };
        var equations = new Option<bool>("--equations") { Description = "Labels are equations, compared by value." };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object." };
        var student = Addresses.Student();
        var command = new Command("eval", "Counts how many rows a running Student answers rightly.") { model, equations, json, student };
        data.AddTo(command);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () => RunAsync(
                parsed.GetValue(student)!, data.Of(parsed), parsed.GetValue(model)!, parsed.GetValue(equations) ? ScoringRule.Equation : ScoringRule.ExactMatch, parsed.GetValue(json), cancellationToken),
            cancellationToken));
        return command;
    }

    private static async Task RunAsync(string address, DataSource data, string model, ScoringRule rule, bool json, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", address);
        var rows = (await data.ReadAsync(cancellationToken).ToListAsync(cancellationToken)).FindAll(row => row.Label.Length > 0);
        if (rows.Count == 0)
        {
            throw new InvalidDataException($"{data.Name} holds no row with a label.");
        }

        var requests = rows.Select((row, i) => new BatchPredictRequest { Id = $"{i}", Request = new PredictRequest { Model = model, Segments = { row.Segments } } });
        var (right, refused) = (0, 0);
        await foreach (var answer in new InferenceClient(channel).BatchPredictAsync(requests.ToAsyncEnumerable(), cancellationToken))
        {
            var row = rows[int.Parse(answer.Id)];
            refused += answer.Error is null ? 0 : 1;
            right += answer.Prediction is { } prediction && rule.IsRight(prediction.Label.Text, row.Label, row.Answer) ? 1 : 0;
            if (answer.Error is { } error && refused == 1)
            {
                await Console.Error.WriteLineAsync($"row {row.Id}: {error.Message}");
            }
        }

        if (refused == rows.Count)
        {
            throw new InvalidDataException("No row was answered.");
        }

        Console.WriteLine(json
            ? JsonSerializer.Serialize(new { rows = rows.Count, right, refused, accuracy = (double)right / rows.Count })
            : $"{right} of {rows.Count} right ({100.0 * right / rows.Count:0.0}%){(refused > 0 ? $", {refused} refused" : "")}");
    }
}
