using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;
using Google.Protobuf.Reflection;

namespace DistillGrpc.Cli.Sweep.Plans;

/// <summary>
/// Some fields of a <see cref="TrainingSpec"/>, as protobuf's JSON has them. Unlike a message it knows a field that is set to its default from one
/// that is not set, so that what stands nearer to a run can take back what stands farther away.
/// </summary>
[JsonConverter(typeof(SpecFieldsConverter))]
internal sealed class SpecFields
{
    // What tells the cells apart, and what the sweep decides for all of them.
    private static readonly string[] OfTheSweep = ["model_id", "alias", "preset", "base_model", "label_source", "seed", "dataset", "evaluation_dataset", "compute_budget_flops"];
    private readonly (FieldDescriptor Field, JsonNode Value)[] _fields;

    // In the order of their numbers, so that the same fields have the same JSON.
    private SpecFields(IEnumerable<(FieldDescriptor Field, JsonNode Value)> fields) => _fields = [.. fields.OrderBy(set => set.Field.FieldNumber)];

    /// <summary>No field.</summary>
    public static SpecFields None { get; } = new([]);

    /// <summary>The fields' names, as the contract has them.</summary>
    public IEnumerable<string> Names => _fields.Select(set => set.Field.Name);

    /// <summary>One field.</summary>
    /// <param name="name">As in the contract or in its JSON.</param>
    /// <param name="value">As in its JSON.</param>
    /// <exception cref="InvalidDataException">There is none of that name, the value is none, or the sweep decides it.</exception>
    public static SpecFields Of(string name, JsonNode? value)
    {
        var field = TrainingSpec.Descriptor.Fields.InDeclarationOrder().FirstOrDefault(field => field.Name == name || field.JsonName == name)
            ?? throw new InvalidDataException($"a training spec has no field '{name}'");
        if (OfTheSweep.Contains(field.Name))
        {
            throw new InvalidDataException($"'{field.Name}' is decided by the sweep");
        }

        var fields = new SpecFields([(field, value ?? throw new InvalidDataException($"'{field.Name}' is empty"))]);
        try
        {
            fields.ToSpec();
        }
        catch (Exception refused) when (refused is InvalidProtocolBufferException or InvalidJsonException or FormatException or OverflowException or InvalidCastException)
        {
            throw new InvalidDataException($"'{field.Name}' cannot be {value.ToJsonString()}: {refused.Message}", refused);
        }

        return fields;
    }

    /// <summary>The fields of a message that are not at their default.</summary>
    public static SpecFields Of(TrainingSpec spec) => Of(JsonNode.Parse(JsonFormatter.Default.Format(spec))!.AsObject());

    /// <summary>The fields of an object.</summary>
    /// <exception cref="InvalidDataException">One cannot be used.</exception>
    public static SpecFields Of(JsonObject fields) => fields.Aggregate(None, (sum, field) => sum.With(Of(field.Key, field.Value)));

    /// <summary>These, and others that stand where both have one; of those of which a spec has but one, too.</summary>
    public SpecFields With(SpecFields others) => new(_fields.Where(own => !others._fields.Any(other => IsInstead(other.Field, own.Field))).Concat(others._fields));

    /// <summary>These without some.</summary>
    public SpecFields Without(IReadOnlyCollection<string> names) => new(_fields.Where(own => !names.Contains(own.Field.Name)));

    /// <summary>A spec with these fields.</summary>
    public TrainingSpec ToSpec() => JsonParser.Default.Parse<TrainingSpec>(ToJson().ToJsonString());

    public JsonObject ToJson() => new(_fields.Select(field => KeyValuePair.Create(field.Field.Name, (JsonNode?)field.Value.DeepClone())));

    /// <summary>For people: <c>learning_rate 0.05, lambda 1</c>.</summary>
    public override string ToString() => string.Join(", ", _fields.Select(field => $"{field.Field.Name} {field.Value.ToJsonString().Trim('"')}"));

    private static bool IsInstead(FieldDescriptor other, FieldDescriptor own) => other == own || (other.RealContainingOneof is { } oneof && oneof == own.RealContainingOneof);
}
