using System.CommandLine;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Predicting;

/// <summary>The options that say what a student is asked, and how it answers.</summary>
internal sealed class PredictOptions
{
    private readonly Option<string> _task = new("--task") { Description = "What is asked for.", DefaultValueFactory = _ => "label" };
    private readonly Option<string> _model = new("--model") { Description = "The model, models/{id}; default the Student's.", DefaultValueFactory = _ => "" };
    private readonly Option<int> _maxTokens = new("--max-tokens") { Description = "Most tokens of an answer; 0 for the Student's default." };
    private readonly Option<string> _givenLabel = new("--given-label") { Description = "With --task rationale: explains this label instead of the model's own.", DefaultValueFactory = _ => "" };
    private readonly Option<string> _givenRationale = new("--given-rationale") { Description = "Of a model that reads its label from a rationale: that; default the Teacher's.", DefaultValueFactory = _ => "" };
    private readonly Option<bool> _check = new("--check-consistency") { Description = "With --task both: says whether rationale and label agree, as `distill explain` does. Where the rationale states no label the student reads it again for that." };
    private readonly Option<bool?> _store = new("--store") { Description = "Whether the Student keeps the predictions, so that `distill explain` can be asked for their rationales; default true for a text, false for rows." };
    private readonly Option<string[]> _candidates = new("--candidate") { Description = "A label that the answer may be; given several times, it is one of them.", DefaultValueFactory = _ => [] };
    private readonly Option<string> _routingKey = new("--routing-key") { Description = "Whose request it is: the same key gets the same version while a model's requests are divided among several.", DefaultValueFactory = _ => "" };
    private readonly Option<int> _logProbabilities = new("--logprobs") { Description = "With --json: so many tokens with their log-probabilities for every one written." };
    private readonly DecodingChoices _decoding = new();
    private readonly DecodingChoices _ofRationale = new("--rationale-", "With --task both, of the rationale alone: ");

    public PredictOptions() => _task.AcceptOnlyFromAmong("label", "rationale", "both");

    public void AddTo(Command command)
    {
        foreach (var option in new Option[] { _task, _model, _maxTokens, _givenLabel, _givenRationale, _check, _store })
        {
            command.Options.Add(option);
        }

        _decoding.AddTo(command);
        foreach (var option in new Option[] { _candidates, _routingKey, _logProbabilities })
        {
            command.Options.Add(option);
        }

        _ofRationale.AddTo(command);
    }

    /// <summary>What is asked, without an input.</summary>
    /// <exception cref="InvalidDataException">An option is for both tasks, and one is asked for.</exception>
    public PredictRequest Of(ParseResult parsed)
    {
        var request = new PredictRequest
        {
            Model = parsed.GetValue(_model),
            Task = TaskOf(parsed.GetValue(_task)!),
            MaxOutputTokens = parsed.GetValue(_maxTokens),
            GivenLabel = parsed.GetValue(_givenLabel),
            GivenRationale = parsed.GetValue(_givenRationale),
            Candidates = { parsed.GetValue(_candidates) },
            RoutingKey = parsed.GetValue(_routingKey),
            TopLogProbabilities = parsed.GetValue(_logProbabilities),
            Decoding = _decoding.Of(parsed),
            RationaleDecoding = _ofRationale.Of(parsed),
            CheckConsistency = parsed.GetValue(_check),
        };
        if (parsed.GetValue(_store) is { } stores)
        {
            request.Store = stores;
        }

        var ofBoth = _ofRationale.NameIn(parsed) ?? (request.CheckConsistency ? _check.Name : null);
        return ofBoth is null || request.Task == PredictionTask.Both ? request : throw new InvalidDataException($"{ofBoth}: is for --task both.");
    }

    /// <summary>The task that <c>--task</c> names.</summary>
    internal static PredictionTask TaskOf(string name) => name switch
    {
        "rationale" => PredictionTask.Rationale,
        "both" => PredictionTask.Both,
        _ => PredictionTask.Label,
    };
}
