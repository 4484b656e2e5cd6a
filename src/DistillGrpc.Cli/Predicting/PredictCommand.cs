using System.CommandLine;
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
        var (asking, rows) = (new PredictOptions(), new RowOptions());
        var json = new Option<bool>("--json") { Description = "Prints each answer as a JSON object on a line of its own, with its tokens and times." };
        var student = Addresses.Student();
        var command = new Command("predict", "Asks a running Student for a label, its rationale, or both.") { text, json, student };
        asking.AddTo(command);
        rows.AddTo(command);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            () =>
            {
                var (address, segments, request) = (parsed.GetValue(student)!, parsed.GetValue(text)!, asking.Of(parsed));
                return rows.AreAsked(parsed, segments)
                    ? rows.AnswerAsync(parsed, address, new PredictQuestion(request, parsed.GetValue(json)), cancellationToken)
                    : AnswerAsync(address, Streamed(request, segments), parsed.GetValue(json), cancellationToken);
            },
            cancellationToken));
        return command;
    }

    // Both have the same fields, under the same numbers.
    internal static StreamPredictRequest Streamed(PredictRequest request, IEnumerable<string> segments)
    {
        var streamed = StreamPredictRequest.Parser.ParseFrom(request.ToByteString());
        streamed.Segments.AddRange(segments);
        return streamed;
    }

    private static async Task AnswerAsync(string student, StreamPredictRequest request, bool json, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", student);
        var prediction = "";
        await foreach (var part in new InferenceClient(channel).StreamPredictAsync(request, cancellationToken))
        {
            await Console.Out.WriteAsync(json ? Json(part) : Text(part));
            prediction = part.Answer is { Prediction.Length: > 0 } kept ? kept.Prediction : prediction;
        }

        if (!json && prediction.Length > 0 && !Console.IsErrorRedirected)
        {
            // For people: programs have it by --json.
            await Console.Error.WriteLineAsync($"Why: distill explain {prediction}");
        }
    }

    private static string Text(StreamPredictResponse part) => part.Consistency is { } consistency ? $"{ConsistencyText.Sentence(consistency)}\n" : part.Delta?.Text ?? "\n";

    private static string Json(StreamPredictResponse part) =>
        part.Consistency is { } consistency ? $"{{ \"consistency\": {JsonFormatter.Default.Format(consistency)} }}\n"
        : part.Answer is { } answer ? $"{JsonFormatter.Default.Format(answer)}\n"
        : "";
}
