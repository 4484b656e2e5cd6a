using System.CommandLine;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Cli.Predicting;

/// <summary><c>distill explain</c>: asks a running Student why it gave a label, and writes the rationale as it comes.</summary>
internal static class ExplainCommand
{
    public static Command Create()
    {
        var prediction = new Argument<string>("prediction") { Description = "The prediction, predictions/{id}, as `distill predict` prints it." };
        var text = new Option<string[]>("--text") { Description = "The input again, once for every segment: needed where the Student keeps no inputs." };
        var rationale = new Option<string>("--given-rationale") { Description = "The rationale that the label was read from, of a model that reads it from one: needed where the Student keeps no inputs." };
        var maxTokens = new Option<int>("--max-tokens") { Description = "Most tokens of the rationale; 0 for the Student's default." };
        var failOnDisagreement = new Option<bool>("--fail-on-disagreement") { Description = "Exit code 1 where the rationale argues for another label." };
        var json = new Option<bool>("--json") { Description = "Prints one JSON object: the answer, and its consistency with the label." };
        var logProbabilities = new Option<int>("--logprobs") { Description = "With --json: so many tokens with their log-probabilities for every one written." };
        var decoding = new DecodingChoices();
        var student = Addresses.Student();
        var command = new Command("explain", "Asks a running Student why it gave a label, and says whether label and rationale agree.") { prediction, text, rationale, maxTokens, failOnDisagreement, json, logProbabilities, student };
        decoding.AddTo(command);
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                var request = new ExplainRequest
                {
                    Prediction = parsed.GetValue(prediction),
                    MaxOutputTokens = parsed.GetValue(maxTokens),
                    TopLogProbabilities = parsed.GetValue(logProbabilities),
                    Decoding = decoding.Of(parsed),
                    Segments = { parsed.GetValue(text) ?? [] },
                    GivenRationale = parsed.GetValue(rationale) ?? "",
                };
                var consistency = await ExplainAsync(parsed.GetValue(student)!, request, parsed.GetValue(json), cancellationToken);
                if (parsed.GetValue(failOnDisagreement) && consistency.Verdict == ConsistencyVerdict.Disagrees)
                {
                    throw new InvalidDataException("The rationale argues for another label than the one that was given.");
                }
            },
            cancellationToken));
        return command;
    }

    private static async Task<Consistency> ExplainAsync(string student, ExplainRequest request, bool json, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", student);
        var (answer, consistency) = (new TaskAnswer(), new Consistency());
        await foreach (var part in new InferenceClient(channel).ExplainAsync(request, null, cancellationToken))
        {
            (answer, consistency) = (part.Answer ?? answer, part.Consistency ?? consistency);
            await Console.Out.WriteAsync(json ? "" : part.Delta?.Text ?? (part.Answer is null ? "" : "\n"));
        }

        await Console.Out.WriteLineAsync(json ? $"{{ \"answer\": {JsonFormatter.Default.Format(answer)}, \"consistency\": {JsonFormatter.Default.Format(consistency)} }}" : ConsistencyText.Sentence(consistency));
        return consistency;
    }
}
