using System.CommandLine;

namespace DistillGrpc.Cli.Quickstart;

/// <summary><c>distill quickstart</c>.</summary>
internal static class QuickstartCommand
{
    public static Command Create()
    {
        var data = new Option<FileInfo?>("--data") { Description = "JSONL rows with recorded teacher output, instead of the embedded teacher's problems." };
        var evalData = new Option<FileInfo?>("--eval-data") { Description = "Held-out rows; default a fifth of --data, split by group." };
        var student = new Option<string>("--student") { Description = "A size (micro, mini, small, base), or the folder of a pretrained T5 in Hugging Face layout.", DefaultValueFactory = _ => "micro" };
        var steps = new Option<int>("--steps") { Description = "Label steps of each student.", DefaultValueFactory = _ => 800 };
        var rows = new Option<int>("--rows") { Description = "Problems to learn from (without --data).", DefaultValueFactory = _ => 2000 };
        var heldOut = new Option<int>("--held-out") { Description = "Problems to evaluate on (without --data).", DefaultValueFactory = _ => 400 };
        var seed = new Option<int>("--seed") { Description = "Changes the problems, the order and the initialisation.", DefaultValueFactory = _ => 1 };
        var equations = new Option<bool>("--equations") { Description = "Labels are equations: right is what evaluates to the same number." };
        var predictions = new Option<FileInfo?>("--predictions") { Description = "Writes one JSON line for every held-out row." };
        var json = new Option<bool>("--json") { Description = "The last line is one JSON object." };
        var serve = new Option<bool>("--serve") { Description = "Keeps the services running." };
        var command = new Command("quickstart", "Distils a teacher into two small students on this machine, and compares them.")
        {
            data, evalData, student, steps, rows, heldOut, seed, equations, predictions, json, serve,
        };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () => new Quickstart(Checked(new QuickstartOptions(
                parsed.GetValue(data), parsed.GetValue(evalData), parsed.GetValue(student)!, parsed.GetValue(steps), parsed.GetValue(rows), parsed.GetValue(heldOut), parsed.GetValue(seed),
                parsed.GetValue(equations), parsed.GetValue(predictions), parsed.GetValue(json), parsed.GetValue(serve)))).RunAsync(cancellationToken),
            cancellationToken));
        return command;
    }

    private static QuickstartOptions Checked(QuickstartOptions options)
    {
        foreach (var (name, value) in new[] { ("--steps", options.Steps), ("--rows", options.Rows), ("--held-out", options.HeldOut) })
        {
            if (value is < 1 or > 1_000_000)
            {
                throw new InvalidDataException($"{name} is {value}, and must be 1 to 1000000.");
            }
        }

        if (string.IsNullOrWhiteSpace(options.Student))
        {
            throw new InvalidDataException("--student is empty, and must be a size or a folder.");
        }

        return options.EvalData is null || options.Data is not null ? options : throw new InvalidDataException("--eval-data needs --data.");
    }
}
