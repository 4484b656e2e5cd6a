using System.CommandLine;
using DistillGrpc.Cli.Data;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Predicting;

/// <summary><c>distill predict</c>: asks a running Student, and writes its tokens as they come, or the answers to many rows.</summary>
internal static class PredictCommand
{
    public static Command Create()
    {
        var text = new Argument<string[]>("text") { Description = "The input: one text, or several segments. Left out, rows are read, and each answer is a JSON object on a line of its own.", Arity = ArgumentArity.ZeroOrMore };
        var data = new DataOptions("Rows to answer, instead of the input.", alias: "--in");
        var task = new Option<string>("--task") { Description = "What is asked for.", DefaultValueFactory = _ => "label" };
        task.AcceptOnlyFromAmong("label", "rationale", "both");
        var model = new Option<string>("--model") { Description = "The model, models/{id}; default the Student's.", DefaultValueFactory = _ => "" };
        var maxTokens = new Option<int>("--max-tokens") { Description = "Most tokens of an answer; 0 for the Student's default." };
        var givenLabel = new Option<string>("--given-label") { Description = "With --task rationale: explains this label instead of the model's own.", DefaultValueFactory = _ => "" };
        var givenRationale = new Option<string>("--given-rationale") { Description = "Of a model that reads its label from a rationale: that; default the Teacher's.", DefaultValueFactory = _ => "" };
        var json = new Option<bool>("--json") { Description = "Prints each answer as a JSON object on a line of its own, with its tokens and times." };
        var store = new Option<bool?>("--store") { Description = "Whether the Student keeps the predictions, so that `distill explain` can be asked for their rationales; default true for a text, false for rows." };
        var output = new Option<FileInfo?>("--out") { Description = "With rows: where the answers go, as they come. Rows that the file has an answer to are not asked again: run the command again to go on." };
        var writing = new WritingOptions();
        var student = Addresses.Student();
        var command = new Command("predict", "Asks a running Student for a label, its rationale, or both.") { text, task, model, maxTokens, givenLabel, givenRationale, output, store, json, student };
        writing.AddTo(command);
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
                writing.Set(parsed, request);
                if (parsed.GetValue(store) is { } stores)
                {
                    request.Store = stores;
                }

                return request.Segments.Count == 0 ? AnswerRowsAsync(parsed.GetValue(student)!, new PredictRun(data.Of(parsed), request, parsed.GetValue(output), parsed.GetValue(json)), cancellationToken)
                    : data.IsGiven(parsed) || parsed.GetValue(output) is not null ? throw new InvalidDataException($"{(data.IsGiven(parsed) ? data.NameIn(parsed) : output.Name)}: name rows, or give a text, not both.")
                    : AnswerAsync(parsed.GetValue(student)!, request, parsed.GetValue(json), cancellationToken);
            },
            cancellationToken));
        return command;
    }

    /// <summary>The task that <c>--task</c> names.</summary>
    internal static PredictionTask TaskOf(string name) => name switch
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
            TopLogProbabilities = request.TopLogProbabilities,
            Decoding = request.Decoding,
            Candidates = { request.Candidates },
            RoutingKey = request.RoutingKey,
            Segments = { request.Segments },
        };
        if (request.HasStore)
        {
            streamed.Store = request.Store;
        }

        var prediction = "";
        await foreach (var part in new InferenceClient(channel).StreamPredictAsync(streamed, cancellationToken))
        {
            var text = !json ? part.Delta?.Text ?? "\n" : part.Answer is { } answer ? JsonFormatter.Default.Format(answer) + "\n" : "";
            await Console.Out.WriteAsync(text);
            prediction = part.Answer is { Prediction.Length: > 0 } kept ? kept.Prediction : prediction;
        }

        if (!json && prediction.Length > 0 && !Console.IsErrorRedirected)
        {
            // For people: programs have it by --json.
            await Console.Error.WriteLineAsync($"Why: distill explain {prediction}");
        }
    }

    private static async Task AnswerRowsAsync(string student, PredictRun run, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", student);
        await run.RunAsync(new InferenceClient(channel), cancellationToken);
    }
}
