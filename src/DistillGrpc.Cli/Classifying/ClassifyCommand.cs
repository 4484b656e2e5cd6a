using System.CommandLine;
using System.Globalization;
using DistillGrpc.Cli.Predicting;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Classifying;

/// <summary><c>distill classify</c>: has a running Student say how likely labels are, and who answers.</summary>
internal static class ClassifyCommand
{
    public static Command Create()
    {
        var text = new Argument<string[]>("text") { Description = "The input: one text, or several segments. Left out, rows are read, and each answer is a JSON object on a line of its own.", Arity = ArgumentArity.ZeroOrMore };
        var asking = new ClassifyOptions();
        var rows = new RowOptions(" So are those that the Teacher was to answer and did not.");
        var json = new Option<bool>("--json") { Description = "Prints the response as JSON; with rows each on a line of its own, with all that the Student says." };
        var student = Addresses.Student();
        var command = new Command("classify", "Asks a running Student how likely labels are. Where it is not sure enough, the answer is left open, or is the Teacher's.") { text, json, student };
        asking.AddTo(command);
        rows.AddTo(command);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () =>
            {
                var (address, segments, request) = (parsed.GetValue(student)!, parsed.GetValue(text)!, asking.Of(parsed));
                if (rows.AreAsked(parsed, segments))
                {
                    return rows.AnswerAsync(parsed, address, new ClassifyQuestion(request, parsed.GetValue(json)), cancellationToken);
                }

                request.Segments.AddRange(segments);
                return AnswerAsync(address, request, parsed.GetValue(json), cancellationToken);
            },
            cancellationToken));
        return command;
    }

    private static async Task AnswerAsync(string student, ClassifyRequest request, bool json, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", student);
        var response = await new InferenceClient(channel).ClassifyAsync(request, cancellationToken);
        Console.WriteLine(json ? ProtoJson.Text(response) : Text(response));
    }

    /// <summary>The answer, or that there is none, and the labels with their probabilities.</summary>
    internal static string Text(ClassifyResponse response) => string.Join('\n',
    [
        Answer(response),
        .. response.Rationale.Length > 0 ? [response.Rationale] : Array.Empty<string>(),
        .. response.Labels.Select(label => string.Create(CultureInfo.InvariantCulture, $"  {label.Probability:0.0000}  {label.Label}")),
        string.Create(CultureInfo.InvariantCulture, $"{response.Model}, {(response.Calibrated ? $"calibrated (temperature {response.Temperature:0.###})" : $"not calibrated for these labels (temperature {response.Temperature:0.###})")}{(response.InputTruncated ? "; the input was cut" : "")}"),
    ]);

    private static string Answer(ClassifyResponse response) => response.AnsweredBy switch
    {
        AnsweredBy.Teacher => $"{response.Label} (the Teacher's answer: the student is not sure enough{(response.Kept ? "; kept to be learnt from" : "")})",
        AnsweredBy.Nobody => $"(no answer: the student is not sure enough{(response.EscalationError is { } error ? $". {error.Message}" : "")})",
        _ => response.Label,
    };
}
