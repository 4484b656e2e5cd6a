using System.CommandLine;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

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
        var student = Addresses.Student();
        var command = new Command("predict", "Asks a running Student for a label, its rationale, or both.") { text, task, model, student };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () => RunAsync(
                parsed.GetValue(student)!,
                new StreamPredictRequest { Model = parsed.GetValue(model), Task = TaskOf(parsed.GetValue(task)!), Segments = { parsed.GetValue(text)! } },
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

    private static async Task RunAsync(string student, StreamPredictRequest request, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", student);
        await foreach (var part in new InferenceClient(channel).StreamPredictAsync(request, cancellationToken))
        {
            await Console.Out.WriteAsync(part.Delta?.Text ?? "\n");
        }
    }
}
