using System.Buffers;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Examples;

/// <summary>Examples as JSON objects that <see cref="ExampleReader"/> reads back as they were. What is empty is left out.</summary>
public static class ExampleJson
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>The object, on one line.</summary>
    public static string Write(Example row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return Written(json =>
        {
            json.WriteStartObject();
            json.WriteString("id", row.Id);
            Texts(json, "segments", row.Segments);
            Text(json, "label", row.Label);
            Text(json, "answer", row.Answer);
            Text(json, "group", row.Group);
            Text(json, "llm_label", row.TeacherLabel);
            Text(json, "rationale", row.Rationale);
            Write(json, row.Teaching ?? new Teaching());
            json.WriteEndObject();
        });
    }

    /// <summary>The field <c>label_distribution</c>; empty where there is none.</summary>
    public static string LabelDistribution(Example row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return row.Teaching is { LabelDistribution.Count: > 0 } teaching ? Written(json => Labels(json, teaching)) : "";
    }

    /// <summary>The field <c>log_probabilities</c>; empty where there is none.</summary>
    public static string LogProbabilities(Example row)
    {
        ArgumentNullException.ThrowIfNull(row);
        return row.Teaching is { Tokens.Count: > 0 } teaching ? Written(json => Positions(json, teaching)) : "";
    }

    private static void Write(Utf8JsonWriter json, Teaching teaching)
    {
        var provenance = teaching.Provenance ?? new Provenance();
        Text(json, "teacher", provenance.Teacher);
        Text(json, "model", provenance.Model);
        Text(json, "prompt", provenance.Prompt);
        Text(json, "prompt_hash", provenance.PromptHash);
        Text(json, "finish_reason", provenance.FinishReason);
        Text(json, "create_time", provenance.CreateTime is { } time ? time.ToString().Trim('"') : "");
        Flag(json, "kept", provenance.Kept);
        Flag(json, "rationalized", provenance.Rationalized);
        Flag(json, "permits_distillation", provenance.PermitsDistillation);
        if (teaching.Agreement != 0)
        {
            json.WriteNumber("agreement", teaching.Agreement);
        }

        if (teaching.LabelDistribution.Count > 0)
        {
            json.WritePropertyName("label_distribution");
            Labels(json, teaching);
        }

        if (teaching.Rationales.Count > 0)
        {
            Texts(json, "rationales", teaching.Rationales);
        }

        if (teaching.Tokens.Count > 0)
        {
            json.WritePropertyName("log_probabilities");
            Positions(json, teaching);
        }
    }

    private static void Labels(Utf8JsonWriter json, Teaching teaching)
    {
        json.WriteStartObject();
        foreach (var label in teaching.LabelDistribution)
        {
            json.WriteNumber(label.Label, label.Probability);
        }

        json.WriteEndObject();
    }

    private static void Positions(Utf8JsonWriter json, Teaching teaching)
    {
        json.WriteStartArray();
        foreach (var position in teaching.Tokens)
        {
            json.WriteStartArray();
            foreach (var token in position.Tokens)
            {
                json.WriteStartArray();
                json.WriteStringValue(token.Token);
                json.WriteNumberValue(token.LogProbability);
                json.WriteEndArray();
            }

            json.WriteEndArray();
        }

        json.WriteEndArray();
    }

    private static void Text(Utf8JsonWriter json, string name, string value)
    {
        if (value.Length > 0)
        {
            json.WriteString(name, value);
        }
    }

    private static void Texts(Utf8JsonWriter json, string name, IEnumerable<string> values)
    {
        json.WriteStartArray(name);
        foreach (var value in values)
        {
            json.WriteStringValue(value);
        }

        json.WriteEndArray();
    }

    private static void Flag(Utf8JsonWriter json, string name, bool value)
    {
        if (value)
        {
            json.WriteBoolean(name, true);
        }
    }

    private static string Written(Action<Utf8JsonWriter> write)
    {
        var bytes = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(bytes, Options))
        {
            write(json);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}
