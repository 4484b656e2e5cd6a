using System.CommandLine;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli;

/// <summary><c>distill predict</c>: asks a running Student, and writes its tokens as they come, or the answers to many rows.</summary>
internal static class PredictCommand
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    public static Command Create()
    {
        var text = new Argument<string[]>("text") { Description = "The input: one text, or several segments. Left out, rows are read, and each answer is a JSON object on a line of its own.", Arity = ArgumentArity.ZeroOrMore };
        var data = new DataOptions("Rows to answer, instead of the input.");
        var task = new Option<string>("--task") { Description = "What is asked for.", DefaultValueFactory = _ => "label" };
        task.AcceptOnlyFromAmong("label", "rationale", "both");
        var model = new Option<string>("--model") { Description = "The model, models/{id}; default the Student's.", DefaultValueFactory = _ => "" };
        var maxTokens = new Option<int>("--max-tokens") { Description = "Most tokens of an answer; 0 for the Student's default." };
        var givenLabel = new Option<string>("--given-label") { Description = "With --task rationale: explains this label instead of the model's own.", DefaultValueFactory = _ => "" };
        var givenRationale = new Option<string>("--given-rationale") { Description = "Of a model that reads its label from a rationale: that; default the Teacher's.", DefaultValueFactory = _ => "" };
        var json = new Option<bool>("--json") { Description = "Prints each answer as a JSON object on a line of its own, with its tokens and times." };
        var student = Addresses.Student();
        var command = new Command("predict", "Asks a running Student for a label, its rationale, or both.") { text, task, model, maxTokens, givenLabel, givenRationale, json, student };
        data.AddTo(command);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () =>
            {
                var request = new PredictRequest
                {
                    Model = parsed.GetValue(model),
                    Task = TaskOf(parsed.GetValue(task)!),
                    MaxOutputTokens = parsed.GetValue(maxTokens),
                    GivenLabel = parsed.GetValue(givenLabel),
                    GivenRationale = parsed.GetValue(givenRationale),
                    Segments = { parsed.GetValue(text)! },
                };
                return request.Segments.Count == 0 ? AnswerRowsAsync(parsed.GetValue(student)!, request, data.Of(parsed), cancellationToken)
                    : data.IsGiven(parsed) ? throw new InvalidDataException("--data: name rows, or give a text, not both.")
                    : AnswerAsync(parsed.GetValue(student)!, request, parsed.GetValue(json), cancellationToken);
            },
            cancellationToken));
        return command;
    }

    private static PredictionTask TaskOf(string name) => name switch
    {
        "rationale" => PredictionTask.Rationale,
        "both" => PredictionTask.Both,
        _ => PredictionTask.Label,
    };

    private static async Task AnswerAsync(string student, PredictRequest request, bool json, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", student);
        var streamed = new StreamPredictRequest
        {
            Model = request.Model,
            Task = request.Task,
            MaxOutputTokens = request.MaxOutputTokens,
            GivenLabel = request.GivenLabel,
            GivenRationale = request.GivenRationale,
            Segments = { request.Segments },
        };
        await foreach (var part in new InferenceClient(channel).StreamPredictAsync(streamed, cancellationToken))
        {
            var text = !json ? part.Delta?.Text ?? "\n" : part.Answer is { } answer ? JsonFormatter.Default.Format(answer) + "\n" : "";
            await Console.Out.WriteAsync(text);
        }
    }

    private static async Task AnswerRowsAsync(string student, PredictRequest request, DataSource data, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", student);
        var requests = data.ReadAsync(cancellationToken).Select(row =>
        {
            var asked = new BatchPredictRequest { Id = row.Id, Request = request.Clone() };
            asked.Request.Segments.AddRange(row.Segments);
            return asked;
        });
        var (rows, refused, failure) = (0, 0, "");
        await foreach (var answer in new InferenceClient(channel).BatchPredictAsync(requests, cancellationToken))
        {
            (rows, refused, failure) = (rows + 1, refused + (answer.Error is null ? 0 : 1), answer.Error?.Message ?? failure);
            var fields = new[] { ("id", answer.Id), ("label", answer.Prediction?.Label?.Text), ("rationale", answer.Prediction?.Rationale?.Text), ("error", answer.Error?.Message) };
            Console.WriteLine(JsonSerializer.Serialize(fields.Where(field => field.Item2 is not null).ToDictionary(field => field.Item1, field => field.Item2), Json));
        }

        if (rows > 0 && refused == rows)
        {
            throw new InvalidDataException($"No row was answered: {failure}");
        }
    }
}
