using System.Globalization;
using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace DistillGrpc.Cli.Sweep.Plans;

/// <summary>A plan as a YAML file. What is wrong is said with the field and its line.</summary>
internal sealed class PlanFile
{
    private static readonly string[] Fields = ["name", "datasets", "evaluation", "fractions", "seeds", "students", "labels", "compute", "group_by", "split_seed", "spec", "variants", "tune"];
    private readonly string _file;
    private readonly YamlMappingNode _root;

    private PlanFile(string file, YamlNode root)
    {
        _file = file;
        _root = Map(root, "the plan", Fields);
    }

    /// <summary>Reads one.</summary>
    /// <param name="text">The file's text.</param>
    /// <param name="file">Its name, for errors; without its ending the sweep's name, where it gives none.</param>
    /// <exception cref="InvalidDataException">It cannot be used; the message names file, line and field.</exception>
    public static SweepPlan Read(string text, string file)
    {
        try
        {
            var stream = new YamlStream();
            stream.Load(new StringReader(text));
            return stream.Documents.Count == 0 ? throw new InvalidDataException($"{file}: it is empty.") : new PlanFile(file, stream.Documents[0].RootNode).Plan();
        }
        catch (YamlException damaged)
        {
            throw new InvalidDataException($"{file}: line {damaged.Start.Line}: {damaged.InnerException?.Message ?? damaged.Message}", damaged);
        }
    }

    private SweepPlan Plan() => new(
        One("name", PlanValues.Name, Path.GetFileNameWithoutExtension(_file)),
        Datasets(), One("evaluation", text => text, null),
        [.. Many("fractions", PlanValues.Fraction, "1").Order()], Many("seeds", PlanValues.Seed, "1"), Many("students", PlanValues.Student, "micro"), Many("labels", PlanValues.Labels, "gold-else-teacher"),
        One("compute", PlanValues.Compute, "both"), One("group_by", PlanValues.GroupBy, "group"), One("split_seed", PlanValues.Seed, "1"),
        Find(_root, "spec") is { } spec ? Spec(spec, "spec") : SpecFields.None, Variants(), Find(_root, "tune") is { } tune ? Tune(tune) : null);

    private IReadOnlyList<NamedDataset> Datasets()
    {
        var node = Find(_root, "datasets") ?? throw new InvalidDataException($"{_file}: datasets: there are none.");
        var named = node is YamlMappingNode map
            ? map.Children.Select(pair => (Name: Scalar(pair.Key, "datasets"), Dataset: Scalar(pair.Value, "datasets"), pair.Key)).ToArray()
            : [.. Items(node, "datasets").Select(item => (Scalar(item, "datasets"), Scalar(item, "datasets"), item))];
        return At(node, "datasets", () => PlanValues.Distinct([.. named.Select(each => new NamedDataset(each.Name, each.Dataset))], each => each.Name));
    }

    private IReadOnlyList<Variant> Variants()
    {
        var node = Find(_root, "variants");
        return node is null
            ? [BuiltInVariants.Of("label-only"), BuiltInVariants.Of(BuiltInVariants.StepByStep)]
            : At(node, "variants", () => PlanValues.Distinct([.. Items(node, "variants").Select(OneVariant)], variant => variant.Name));
    }

    private Variant OneVariant(YamlNode node)
    {
        const string field = "variants";
        if (node is YamlScalarNode)
        {
            return At(node, field, () => BuiltInVariants.Of(Scalar(node, field)));
        }

        var map = Map(node, field, ["name", "from", "spec"]);
        var name = At(node, $"{field}: name", () => PlanValues.Label(Scalar(Find(map, "name") ?? throw Refused(node, field, "a variant needs a name"), $"{field}: name")));
        var from = Find(map, "from") is { } given ? At(given, $"{field}: from", () => BuiltInVariants.Of(Scalar(given, $"{field}: from")).Fields) : SpecFields.None;
        return new Variant(name, Find(map, "spec") is { } spec ? from.With(Spec(spec, $"{field}: {name}: spec", PlanValues.OfVariant)) : from);
    }

    private Tuning Tune(YamlNode node)
    {
        var map = Map(node, "tune", ["development", "grid"]);
        var grid = Map(Find(map, "grid") ?? throw Refused(node, "tune", "it needs a grid"), "tune: grid", null);
        var points = new List<SpecFields> { SpecFields.None };
        foreach (var (key, value) in grid.Children)
        {
            var name = Scalar(key, "tune: grid");
            var values = Items(value, $"tune: grid: {name}").Select(item => At(item, "tune: grid", () => PlanValues.OfVariant(SpecFields.Of(name, Json(item))))).ToArray();
            points = [.. points.SelectMany(point => values.Select(point.With))];
        }

        var development = Find(map, "development");
        return new Tuning(development is null ? 0.1 : At(development, "tune: development", () => PlanValues.Development(Scalar(development, "tune: development"))), points);
    }

    private SpecFields Spec(YamlNode node, string field, Func<SpecFields, SpecFields>? check = null) => Map(node, field, null).Children.Aggregate(
        SpecFields.None,
        (sum, pair) => sum.With(At(pair.Key, field, () => (check ?? (fields => fields))(SpecFields.Of(Scalar(pair.Key, field), Json(pair.Value))))));

    private T One<T>(string field, Func<string, T> read, string? otherwise)
    {
        var node = Find(_root, field);
        return node is null && otherwise is null ? throw new InvalidDataException($"{_file}: {field}: there is none.") : At(node, field, () => read(node is null ? otherwise! : Scalar(node, field)));
    }

    private IReadOnlyList<T> Many<T>(string field, Func<string, T> read, string otherwise)
    {
        var node = Find(_root, field);
        return node is null
            ? [read(otherwise)]
            : At(node, field, () => PlanValues.Distinct([.. Items(node, field).Select(item => At(item, field, () => read(Scalar(item, field))))], value => value));
    }

    private T At<T>(YamlNode? node, string field, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (InvalidDataException refused) when (!refused.Message.StartsWith(_file, StringComparison.Ordinal))
        {
            throw node is null ? new InvalidDataException($"{_file}: {field}: {refused.Message}.", refused) : Refused(node, field, refused.Message);
        }
    }

    private static YamlNode? Find(YamlMappingNode map, string field) => map.Children.FirstOrDefault(pair => pair.Key is YamlScalarNode key && key.Value == field).Value;

    private YamlMappingNode Map(YamlNode node, string field, string[]? fields)
    {
        var map = node as YamlMappingNode ?? throw Refused(node, field, "it has no fields");
        return fields is not null && map.Children.Keys.FirstOrDefault(key => key is not YamlScalarNode scalar || !fields.Contains(scalar.Value)) is { } unknown
            ? throw Refused(unknown, field, $"there is no field '{unknown}'; there are {string.Join(", ", fields)}")
            : map;
    }

    // One value is a list of one.
    private IEnumerable<YamlNode> Items(YamlNode node, string field) => node switch
    {
        YamlSequenceNode list => list.Children,
        YamlScalarNode => [node],
        _ => throw Refused(node, field, "it is no list"),
    };

    private string Scalar(YamlNode node, string field) => node is YamlScalarNode { Value: { Length: > 0 } text } ? text : throw Refused(node, field, "it is no text");

    private JsonNode? Json(YamlNode node) => node switch
    {
        YamlMappingNode map => new JsonObject(map.Children.Select(pair => KeyValuePair.Create(Scalar(pair.Key, "a field"), Json(pair.Value)))),
        YamlSequenceNode list => new JsonArray([.. list.Children.Select(Json)]),
        YamlScalarNode { Style: ScalarStyle.Plain, Value: "true" or "false" } flag => flag.Value == "true",
        YamlScalarNode { Style: ScalarStyle.Plain, Value: "" or "~" or "null" } => null,
        YamlScalarNode { Style: ScalarStyle.Plain } plain when double.TryParse(plain.Value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) => number,
        YamlScalarNode text => text.Value,
        _ => null,
    };

    private InvalidDataException Refused(YamlNode node, string field, string why) => new($"{_file}: line {node.Start.Line}: {field}: {why}.");
}
