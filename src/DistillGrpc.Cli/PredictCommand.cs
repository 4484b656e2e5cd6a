using System.CommandLine;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli;

/// <summary><c>distill predict</c>: asks a running Student, and writes its tokens as they come.</summary>
internal static class PredictCommand
{
    public static Command Create()
    {
        var text = new Argument<string[]>("text") { Description = "The input: one text, or several segments.", Arity = ArgumentArity.OneOrMore };
        var task = new Option<string>("--task") { Description = "What is asked for.", DefaultValueFactory = _ => "label" };
        task.AcceptOnlyFromAmong("label", "rationale", "both");
        var model = new Option<string>("--model") { Description = "The model, models/{id}; default the Student's.", DefaultValueFactory = _ => "" };
        var maxTokens = new Option<int>("--max-tokens") { Description = "Most tokens of an answer; 0 for the Student's default." };
        var json = new Option<bool>("--json") { Description = "Prints each answer as a JSON object on a line of its own, with its tokens and times." };
        var student = Addresses.Student();
        var command = new Command("predict", "Asks a running Student for a label, its rationale, or both.") { text, task, model, maxTokens, json, student };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () => RunAsync(
                parsed.GetValue(student)!,
                new StreamPredictRequest { Model = parsed.GetValue(model), Task = TaskOf(parsed.GetValue(task)!), MaxOutputTokens = parsed.GetValue(maxTokens), Segments = { parsed.GetValue(text)! } },
                parsed.GetValue(json),
                cancellationToken),
            cancellationToken));
        return command;
    }

    private static PredictionTask TaskOf(string name) => name switch
    {
        "rationale" => PredictionTask.Rationale,
        "both" => PredictionTask.Both,
        _ => PredictionTask.Label,
    };

    private static async Task RunAsync(string student, StreamPredictRequest request, bool json, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", student);
        await foreach (var part in new InferenceClient(channel).StreamPredictAsync(request, cancellationToken))
        {
            var text = !json ? part.Delta?.Text ?? "\n" : part.Answer is { } answer ? JsonFormatter.Default.Format(answer) + "\n" : "";
            await Console.Out.WriteAsync(text);
        }
    }
}
