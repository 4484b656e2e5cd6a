using System.Text.Json;
using System.Text.Json.Nodes;
using System.Text.Json.Serialization;
using Google.Protobuf;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>Messages of the contracts in a report, as protobuf's JSON; what a newer Student has said besides is passed over.</summary>
internal sealed class MessageConverter<T> : JsonConverter<T>
    where T : IMessage<T>, new()
{
    private static readonly JsonParser Parser = new(JsonParser.Settings.Default.WithIgnoreUnknownFields(true));

    public override T Read(ref Utf8JsonReader reader, Type typeToConvert, JsonSerializerOptions options) => Parser.Parse<T>(JsonNode.Parse(ref reader)!.ToJsonString());

    public override void Write(Utf8JsonWriter writer, T value, JsonSerializerOptions options) => writer.WriteRawValue(JsonFormatter.Default.Format(value));
}
