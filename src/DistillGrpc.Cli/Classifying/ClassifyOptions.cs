using System.CommandLine;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Classifying;

/// <summary>The options that say which labels are weighed, and who answers.</summary>
internal sealed class ClassifyOptions
{
    private const string Collection = "models/";
    private readonly Argument<string> _model = new("model") { Description = "The model, models/{id} or its id; for a version models/{id}/versions/{number} or models/{id}@{alias}." };
    private readonly Option<string> _labels = new("--labels") { Description = "The labels, with commas between them; default those that the model has learnt.", DefaultValueFactory = _ => "" };
    private readonly Option<string[]> _label = new("--label") { Description = "A label as it stands here; again for each further one.", DefaultValueFactory = _ => [] };
    private readonly Option<int> _topK = new("--top-k") { Description = "Shows so many of the likeliest labels; 0 for all." };
    private readonly Option<double?> _least = new("--min-probability") { Description = "Below this probability the student does not answer." };
    private readonly Option<bool> _escalate = new("--escalate") { Description = "With --min-probability: then the Teacher is asked." };
    private readonly Option<string> _teacher = new("--teacher") { Description = "With --escalate: which one, teachers/{id}; default that of the model's rows.", DefaultValueFactory = _ => "" };
    private readonly Option<string> _prompt = new("--prompt") { Description = "With --teacher: the prompt, prompts/{id}; default the teacher's.", DefaultValueFactory = _ => "" };
    private readonly Option<string> _givenRationale = new("--given-rationale") { Description = "Of a model that reads its label from a rationale: that; default the Teacher's.", DefaultValueFactory = _ => "" };
    private readonly Option<double?> _temperature = new("--temperature") { Description = "What logits are divided by; default what the model was calibrated to." };

    public void AddTo(Command command)
    {
        // Before the input.
        command.Arguments.Insert(0, _model);
        foreach (var option in new Option[] { _labels, _label, _topK, _least, _escalate, _teacher, _prompt, _givenRationale, _temperature })
        {
            command.Options.Add(option);
        }
    }

    /// <summary>What is asked, without an input.</summary>
    public ClassifyRequest Of(ParseResult parsed)
    {
        var name = parsed.GetValue(_model)!;
        var request = new ClassifyRequest
        {
            Model = name.StartsWith(Collection, StringComparison.Ordinal) ? name : Collection + name,
            Labels = { parsed.GetValue(_labels)!.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries), parsed.GetValue(_label)! },
            TopK = parsed.GetValue(_topK),
            GivenRationale = parsed.GetValue(_givenRationale),
            Escalation = parsed.GetValue(_escalate) ? new Escalation { Teacher = parsed.GetValue(_teacher), Prompt = parsed.GetValue(_prompt) } : null,
        };
        if (parsed.GetValue(_least) is { } probability)
        {
            request.MinProbability = probability;
        }

        if (parsed.GetValue(_temperature) is { } given)
        {
            request.Temperature = given;
        }

        return request;
    }
}
