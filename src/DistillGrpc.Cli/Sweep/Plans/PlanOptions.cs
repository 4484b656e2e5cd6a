using System.CommandLine;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace DistillGrpc.Cli.Sweep.Plans;

/// <summary>A plan as options.</summary>
internal sealed class PlanOptions
{
    private readonly Option<string[]> _datasets = new("--dataset") { Description = "Rows to learn from, datasets/{id} or what it is called; several, separated by commas, are compared.", DefaultValueFactory = _ => [] };
    private readonly Option<string> _evaluation = Text("--eval-dataset", "Held-out rows. Nothing is chosen by them.", "");
    private readonly Option<string> _modes = Text("--modes", $"What is compared: {string.Join(", ", BuiltInVariants.Names)}.", "label-only,step-by-step");
    private readonly Option<string> _fractions = Text("--fractions", "Parts of the rows that are learnt from, each within the next larger one; rows of a group stay together.", "1");
    private readonly Option<string> _seeds = Text("--seeds", "Seeds, each a run.", "1");
    private readonly Option<string> _students = Text("--students", "Sizes (micro, mini, small, base) and models of the Student's, models/{id}.", "micro");
    private readonly Option<string> _labels = Text("--labels", "Which labels are learnt: gold, teacher, gold-else-teacher.", "gold-else-teacher");
    private readonly Option<string> _compute = Text("--compute", "equal-steps, equal-compute (label only goes on until it has used as much compute as step by step), or both.", "both");
    private readonly Option<string> _groupBy = Text("--group-by", "What keeps rows in one part: group, segment:N or none.", "group");
    private readonly Option<int> _steps = new("--steps") { Description = "Label steps of every run; 0 for the Student's default." };
    private readonly Option<bool> _equations = new("--equations") { Description = "Labels are equations, compared by value." };
    private readonly Option<string[]> _set = new("--set") { Description = "A field of TrainingSpec for every run, such as --set learning_rate=0.05.", DefaultValueFactory = _ => [] };
    private readonly Option<string[]> _tune = new("--tune") { Description = "A field with values that are tried for every variant alike, such as --tune learning_rate=0.01,0.05; chosen on rows that are taken from --dataset.", DefaultValueFactory = _ => [] };
    private readonly Option<string> _development = Text("--development", "With --tune: the share of the rows that it is chosen by, and that nobody learns from.", "0.1");

    private Option[] All => [_datasets, _evaluation, _modes, _fractions, _seeds, _students, _labels, _compute, _groupBy, _steps, _equations, _set, _tune, _development];

    public Command AddTo(Command command)
    {
        Array.ForEach(All, command.Options.Add);
        return command;
    }

    /// <summary>The plan: of a file, or of the options.</summary>
    /// <param name="parsed">The command line.</param>
    /// <param name="given">A file, or the sweep's name.</param>
    /// <exception cref="InvalidDataException">It cannot be used; the message names the option, or file, line and field.</exception>
    public SweepPlan Of(ParseResult parsed, string given)
    {
        if (Path.GetExtension(given) is not (".yaml" or ".yml"))
        {
            return OfOptions(parsed, given);
        }

        return All.FirstOrDefault(option => parsed.GetResult(option) is { Implicit: false }) is { } beside
            ? throw new InvalidDataException($"{beside.Name} cannot be given beside a plan: it belongs into the file.")
            : File.Exists(given) ? PlanFile.Read(File.ReadAllText(given), Path.GetFileName(given))
            : throw new InvalidDataException($"There is no file '{given}'.");
    }

    private SweepPlan OfOptions(ParseResult parsed, string name)
    {
        IReadOnlyList<T> Many<T>(Option<string> option, Func<string, T> read) => In(option, () => PlanValues.Distinct([.. Parts(parsed.GetValue(option)!).Select(read)], value => value));
        var datasets = parsed.GetValue(_datasets)!.SelectMany(Parts).Select(text => new NamedDataset(text, text)).ToArray();
        var evaluation = parsed.GetValue(_evaluation)!;
        var variants = Many(_modes, BuiltInVariants.Of);
        var points = Points(parsed.GetValue(_tune)!);
        return new SweepPlan(
            PlanValues.Name(name), datasets.Length > 0 ? In(_datasets, () => PlanValues.Distinct(datasets, dataset => dataset.Name)) : throw Missing("--dataset"), evaluation.Length > 0 ? evaluation : throw Missing("--eval-dataset"),
            [.. Many(_fractions, PlanValues.Fraction).Order()], Many(_seeds, PlanValues.Seed), Many(_students, PlanValues.Student), Many(_labels, PlanValues.Labels),
            In(_compute, () => PlanValues.Compute(parsed.GetValue(_compute)!)), In(_groupBy, () => PlanValues.GroupBy(parsed.GetValue(_groupBy)!)), 1,
            Spec(parsed), variants, points.Count > 1 ? new Tuning(In(_development, () => PlanValues.Development(parsed.GetValue(_development)!)), points) : null);
    }

    private SpecFields Spec(ParseResult parsed)
    {
        var fields = In(_set, () => parsed.GetValue(_set)!.Select(Field).Aggregate(SpecFields.None, (sum, field) => sum.With(SpecFields.Of(field.Name, Json(field.Value)))));
        var steps = parsed.GetValue(_steps) is >= 0 and var given ? given : throw new InvalidDataException($"{_steps.Name}: '{parsed.GetValue(_steps)}' must not be negative.");
        fields = steps > 0 ? fields.With(SpecFields.Of("steps", steps)) : fields;
        return parsed.GetValue(_equations) ? fields.With(SpecFields.Of("scorer", "ANSWER_SCORER_EQUATION")) : fields;
    }

    private IReadOnlyList<SpecFields> Points(string[] tune) => In(_tune, () => tune.Select(Field).Aggregate(
        new List<SpecFields> { SpecFields.None },
        (points, field) => [.. points.SelectMany(point => Parts(field.Value).Select(value => point.With(PlanValues.OfVariant(SpecFields.Of(field.Name, Json(value))))))]));

    private static (string Name, string Value) Field(string text) => text.IndexOf('=', StringComparison.Ordinal) is > 0 and var at
        ? (text[..at].Trim(), text[(at + 1)..].Trim())
        : throw new InvalidDataException($"'{text}' is not FIELD=VALUE");

    // Numbers, switches, objects and lists as JSON has them; what is none of them is a text.
    private static JsonNode? Json(string text)
    {
        try
        {
            return JsonNode.Parse(text);
        }
        catch (JsonException)
        {
            return text;
        }
    }

    private static string[] Parts(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);

    private static T In<T>(Option option, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException refused)
        {
            throw new InvalidDataException($"{option.Name}: {refused.Message}.", refused);
        }
    }

    private static InvalidDataException Missing(string option) => new($"{option} is missing.");

    private static Option<string> Text(string name, string description, string otherwise) => new(name) { Description = description, DefaultValueFactory = _ => otherwise };
}
