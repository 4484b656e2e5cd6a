using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;

namespace DistillGrpc.Cli.Sweep.Plans;

/// <summary>Fields of a spec as a JSON object.</summary>
internal sealed class SpecFieldsConverter : JsonConverter<SpecFields>
{
    public override SpecFields Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => SpecFields.Of(JsonNode.Parse(ref reader)!.AsObject());

    public override void Write(Utf8JsonWriter writer, SpecFields value, JsonSerializerOptions options) => value.ToJson().WriteTo(writer, options);
}
