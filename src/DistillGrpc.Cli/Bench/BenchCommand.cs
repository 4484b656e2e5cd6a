using System.CommandLine;
using System.Globalization;
using DistillGrpc.Cli.Predicting;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;

namespace DistillGrpc.Cli.Bench;

/// <summary><c>distill bench</c>: how fast a Student answers.</summary>
internal sealed class BenchCommand
{
    private const string Name = "bench";
    private const string PresetName = "--model-preset";
    private const int MostTokens = 4000;
    private const int DefaultInputTokens = 512;
    private const int MostAtOnce = 10_000;
    private const int MostRequests = 10_000_000;
    private readonly Option<string> _student = Addresses.Student();
    private readonly Option<string> _model = new("--model") { Description = "The model, models/{id}; default the Student's.", DefaultValueFactory = _ => "" };
    private readonly Option<string?> _preset = new(PresetName) { Description = "Measures a Student in this process instead, over the same HTTP/2, with a model of this shape. No files are needed." };
    private readonly Option<bool> _random = new("--random-weights") { Description = "With --model-preset, where it must be given: the model is not trained. It never ends an answer, so that all have --output-tokens." };
    private readonly Option<string> _engine = new("--engine") { Description = "With --model-preset: what computes.", DefaultValueFactory = _ => "auto" };
    private readonly Option<string> _precision = new("--precision") { Description = "With --model-preset: what the weights are kept in.", DefaultValueFactory = _ => "int8" };
    private readonly Option<int> _threads = new("--threads") { Description = "With --model-preset: threads of a step; 0 for all processors." };
    private readonly Option<int> _input = new("--input-tokens") { Description = "Tokens of an input, task prefix and end included; of a Student that runs about so many.", DefaultValueFactory = _ => 128 };
    private readonly Option<int> _output = new("--output-tokens") { Description = "Most tokens of each task's answer; a trained model may end sooner, and the report says so.", DefaultValueFactory = _ => 64 };
    private readonly Option<double> _range = new("--length-range") { Description = "Each request's input and output are up to this share longer or shorter than that, at random: 0.5 for half." };
    private readonly Option<string[]> _candidates = new("--candidate") { Description = "A label that the answer may be; given several times, it is one of them, and only what leads to one is computed.", DefaultValueFactory = _ => [] };
    private readonly Option<string> _task = new("--task") { Description = "What is asked for.", DefaultValueFactory = _ => "label" };
    private readonly Option<string> _concurrency = new("--concurrency") { Description = "Requests at once; several numbers, by commas, one after another.", DefaultValueFactory = _ => "1,16" };
    private readonly Option<bool> _together = new("--together") { Description = "With --concurrency: those at once begin together, and the next ones when all are answered." };
    private readonly Option<double?> _rate = new("--rate") { Description = "Instead of --concurrency: requests a second on average, at random, whether earlier ones are answered or not." };
    private readonly Option<int?> _requests = new("--requests") { Description = "Requests of each load that count." };
    private readonly Option<double?> _seconds = new("--seconds") { Description = "Instead of --requests: how long requests of each load begin; default 10." };
    private readonly Option<int?> _warmUp = new("--warm-up") { Description = "Requests before each load that do not count; default the concurrency, at least 4." };
    private readonly Option<int> _seed = new("--seed") { Description = "Of prompts, arrivals and random weights.", DefaultValueFactory = _ => 1 };
    private readonly Option<bool> _json = new("--json") { Description = "Prints one JSON object." };

    public static Command Create() => new BenchCommand().CreateCommand();

    /// <summary>Whether a command measures a Student that it starts itself.</summary>
    public static bool IsOfPreset(ParseResult parsed) => parsed.CommandResult.Command.Name == Name && parsed.GetResult(PresetName) is not null;

    private Command CreateCommand()
    {
        _task.AcceptOnlyFromAmong("label", "rationale", "both");
        _preset.AcceptOnlyFromAmong([.. BenchPreset.Names]);
        _engine.AcceptOnlyFromAmong("auto", "cpu", "torch");
        _precision.AcceptOnlyFromAmong("int8", "float32");
        var command = new Command(Name, "Measures how fast a Student answers: throughput, time to the first token and for each further one, and where the time goes.")
        {
            _student, _model, _preset, _random, _engine, _precision, _threads, _input, _output, _range, _candidates, _task, _concurrency, _together, _rate, _requests, _seconds, _warmUp, _seed, _json,
        };
        command.SetAction((parsed, cancellationToken) => Failures.Guard(() => RunAsync(parsed, cancellationToken), cancellationToken));
        return command;
    }

    private async Task RunAsync(ParseResult parsed, CancellationToken cancellationToken)
    {
        var options = Read(parsed);
        var report = Preset(parsed, options) is { } preset
            ? await new Benchmark(options).RunAsync(preset, cancellationToken)
            : await MeasureAsync(parsed, options, cancellationToken);
        Console.WriteLine(parsed.GetValue(_json) ? report.Json() : report.Text());
        if (report.Failure is { } failure)
        {
            throw new InvalidDataException(failure);
        }
    }

    private async Task<BenchReport> MeasureAsync(ParseResult parsed, BenchOptions options, CancellationToken cancellationToken)
    {
        using var channel = Addresses.Connect("--student", parsed.GetValue(_student)!);
        return await new Benchmark(options).RunAsync(channel, cancellationToken);
    }

    private BenchOptions Read(ParseResult parsed)
    {
        var (seconds, warmUp) = (parsed.GetValue(_seconds) ?? 10, parsed.GetValue(_warmUp));
        Require(parsed.GetValue(_requests) is null || parsed.GetValue(_seconds) is null, "--seconds", "give it or --requests, not both.");
        Require(seconds is > 0 and <= 86_400, "--seconds", "must be above 0, to 86400.");
        Require(warmUp is null or (>= 0 and <= MostRequests), "--warm-up", $"must be 0 to {MostRequests}.");
        Require(parsed.GetValue(_candidates) is [] || parsed.GetValue(_task) != "rationale", "--candidate", "is for labels, not for --task rationale.");
        Require(parsed.GetValue(_range) is >= 0 and < 1, "--length-range", "must be 0 to below 1.");
        var requests = parsed.GetValue(_requests);
        Require(requests is null or (>= 1 and <= MostRequests), "--requests", $"must be 1 to {MostRequests}.");
        return new BenchOptions(
            parsed.GetValue(_preset) is null ? parsed.GetValue(_model)! : $"models/{PresetStudent.ModelId}",
            PredictOptions.TaskOf(parsed.GetValue(_task)!),
            Within(parsed, _input), Within(parsed, _output), Loads(parsed), requests, TimeSpan.FromSeconds(seconds), warmUp, parsed.GetValue(_seed))
        {
            LengthRange = parsed.GetValue(_range),
            Candidates = parsed.GetValue(_candidates)!,
        };
    }

    private Load[] Loads(ParseResult parsed)
    {
        if (parsed.GetValue(_rate) is not { } rate)
        {
            Load[] loads = [.. parsed.GetValue(_concurrency)!.Split(',').Select(text => new Load(Number(text), null, parsed.GetValue(_together)))];
            Require(!parsed.GetValue(_together) || loads.All(load => load.Concurrency <= (parsed.GetValue(_requests) ?? int.MaxValue)), "--requests", "must be at least --concurrency with --together.");
            return loads;
        }

        RequireNone(parsed, "give it or --rate, not both.", _concurrency);
        Require(!parsed.GetValue(_together), "--together", "is for --concurrency, not for --rate.");
        Require(rate is > 0 and <= 1_000_000, "--rate", "must be above 0, to 1000000.");
        return [new Load(0, rate, Together: false)];

        static int Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) && number is >= 1 and <= MostAtOnce
            ? number
            : throw new InvalidDataException($"--concurrency: '{text}' is not a number from 1 to {MostAtOnce}.");
    }

    // Null for a Student that runs.
    private PresetOptions? Preset(ParseResult parsed, BenchOptions options)
    {
        if (parsed.GetValue(_preset) is not { } name)
        {
            RequireNone(parsed, "needs --model-preset.", _random, _engine, _precision, _threads);
            return null;
        }

        RequireNone(parsed, "give it or --model-preset, not both.", _student, _model);
        Require(parsed.GetValue(_random), "--model-preset", "add --random-weights: there are no others.");
        Require(parsed.GetValue(_engine) != "torch" || !IsGiven(parsed, _precision) || parsed.GetValue(_precision) == "float32", "--precision", "must be float32 with --engine torch.");
        Require(parsed.GetValue(_threads) is >= 0 and <= 1024, "--threads", "must be 0 to 1024.");
        return new PresetOptions(
            name, Enum.Parse<EngineKind>(parsed.GetValue(_engine)!, ignoreCase: true), Enum.Parse<Precision>(parsed.GetValue(_precision)!, ignoreCase: true),
            parsed.GetValue(_threads) is > 0 and var threads ? threads : Environment.ProcessorCount, parsed.GetValue(_seed), Math.Max(DefaultInputTokens, options.MostInputTokens), options.MostOutputTokens, Math.Max(256, options.Loads.Max(load => load.Concurrency)));
    }

    private static void RequireNone(ParseResult parsed, string rule, params ReadOnlySpan<Option> options)
    {
        foreach (var option in options)
        {
            Require(!IsGiven(parsed, option), option.Name, rule);
        }
    }

    private static bool IsGiven(ParseResult parsed, Option option) => parsed.GetResult(option) is { Implicit: false };

    private static int Within(ParseResult parsed, Option<int> option)
    {
        var tokens = parsed.GetValue(option);
        Require(tokens is >= 1 and <= MostTokens, option.Name, $"must be 1 to {MostTokens}.");
        return tokens;
    }

    private static void Require(bool holds, string option, string rule)
    {
        if (!holds)
        {
            throw new InvalidDataException($"{option}: {rule}");
        }
    }
}
