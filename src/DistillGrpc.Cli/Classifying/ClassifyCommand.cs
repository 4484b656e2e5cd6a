using System.CommandLine;
using System.Globalization;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Classifying;

/// <summary><c>distill classify</c>: has a running Student say how likely labels are, and who answers.</summary>
internal static class ClassifyCommand
{
    private const string Collection = "models/";

    public static Command Create()
    {
        var model = new Argument<string>("model") { Description = "The model, models/{id} or its id; for a version models/{id}/versions/{number} or models/{id}@{alias}." };
        var text = new Argument<string[]>("text") { Description = "The input: one text, or several segments.", Arity = ArgumentArity.OneOrMore };
        var labels = new Option<string>("--labels") { Description = "The labels, with commas between them; default those that the model has learnt.", DefaultValueFactory = _ => "" };
        var label = new Option<string[]>("--label") { Description = "A label as it stands here; again for each further one.", DefaultValueFactory = _ => [] };
        var topK = new Option<int>("--top-k") { Description = "Shows so many of the likeliest labels; 0 for all." };
        var least = new Option<double?>("--min-probability") { Description = "Below this probability the student does not answer." };
        var escalate = new Option<bool>("--escalate") { Description = "With --min-probability: then the Teacher is asked." };
        var teacher = new Option<string>("--teacher") { Description = "With --escalate: which one, teachers/{id}; default that of the model's rows.", DefaultValueFactory = _ => "" };
        var prompt = new Option<string>("--prompt") { Description = "With --teacher: the prompt, prompts/{id}; default the teacher's.", DefaultValueFactory = _ => "" };
        var givenRationale = new Option<string>("--given-rationale") { Description = "Of a model that reads its label from a rationale: that; default the Teacher's.", DefaultValueFactory = _ => "" };
        var temperature = new Option<double?>("--temperature") { Description = "What logits are divided by; default what the model was calibrated to." };
        var json = new Option<bool>("--json") { Description = "Prints the response as JSON." };
        var student = Addresses.Student();
        var command = new Command("classify", "Asks a running Student how likely labels are. Where it is not sure enough, the answer is left open, or is the Teacher's.")
        {
            model, text, labels, label, topK, least, escalate, teacher, prompt, givenRationale, temperature, json, student,
        };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(
            async () =>
            {
                var name = parsed.GetValue(model)!;
                var request = new ClassifyRequest
                {
                    Model = name.StartsWith(Collection, StringComparison.Ordinal) ? name : Collection + name,
                    Segments = { parsed.GetValue(text)! },
                    Labels = { parsed.GetValue(labels)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), parsed.GetValue(label)! },
                    TopK = parsed.GetValue(topK),
                    GivenRationale = parsed.GetValue(givenRationale),
                };
                if (parsed.GetValue(least) is { } probability)
                {
                    request.MinProbability = probability;
                }

                if (parsed.GetValue(temperature) is { } given)
                {
                    request.Temperature = given;
                }

                if (parsed.GetValue(escalate))
                {
                    request.Escalation = new Escalation { Teacher = parsed.GetValue(teacher), Prompt = parsed.GetValue(prompt) };
                }

                using var channel = Addresses.Connect("--student", parsed.GetValue(student)!);
                var response = await new InferenceClient(channel).ClassifyAsync(request, cancellationToken);
                Console.WriteLine(parsed.GetValue(json) ? ProtoJson.Text(response) : Text(response));
            },
            cancellationToken));
        return command;
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
