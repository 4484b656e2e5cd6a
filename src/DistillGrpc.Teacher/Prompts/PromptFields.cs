using System.Text.Json;
using YamlDotNet.Core;
using YamlDotNet.RepresentationModel;

namespace DistillGrpc.Teacher.Prompts;

/// <summary>
/// What a prompt's file may hold, by the properties of <see cref="PromptFile"/>; looked at before it is read, so that an operator
/// hears of fields and lines, and not of types.
/// </summary>
internal static class PromptFields
{
    // What YAML 1.1 takes for true or false, and for nothing.
    private static readonly string[] Switches = ["true", "false", "yes", "no", "on", "off", "y", "n"];
    private static readonly string[] Nothing = ["", "~", "null", "Null", "NULL"];

    /// <summary>Checks a file.</summary>
    /// <exception cref="ArgumentException">It has what a prompt has not; the message names line and field.</exception>
    /// <exception cref="YamlException">It is no YAML.</exception>
    public static void Check(string yaml)
    {
        var stream = new YamlStream();
        stream.Load(new StringReader(yaml));
        if (stream.Documents.Count > 0)
        {
            Check(stream.Documents[0].RootNode, typeof(PromptFile), "");
        }
    }

    private static void Check(YamlNode node, Type type, string field)
    {
        if (type == typeof(string))
        {
            _ = Scalar(node, field);
        }
        else if (type == typeof(bool))
        {
            CheckOneOf(node, Switches, 2, field);
        }
        else if (type.IsEnum)
        {
            var names = Enum.GetNames(type).Select(NameOf).ToArray();
            CheckOneOf(node, names, names.Length, field);
        }
        else if (type.IsGenericType)
        {
            CheckList(node, type.GenericTypeArguments[0], field);
        }
        else
        {
            CheckFields(node, type, field);
        }
    }

    private static void CheckList(YamlNode node, Type type, string field)
    {
        foreach (var item in node is YamlSequenceNode list ? list.Children : throw Refused(node, field, "it is no list"))
        {
            Check(item, type, field);
        }
    }

    private static void CheckFields(YamlNode node, Type type, string field)
    {
        var types = type.GetProperties().ToDictionary(property => NameOf(property.Name), property => property.PropertyType, StringComparer.Ordinal);
        foreach (var (key, value) in node is YamlMappingNode map ? map.Children : throw Refused(node, field, $"it has no fields; there are {string.Join(", ", types.Keys)}"))
        {
            var name = (key as YamlScalarNode)?.Value ?? "";
            Check(
                value,
                types.GetValueOrDefault(name) ?? throw Refused(key, field, $"there is no field '{name}'; there are {string.Join(", ", types.Keys)}"),
                field.Length == 0 ? name : $"{field}: {name}");
        }
    }

    private static void CheckOneOf(YamlNode node, string[] values, int shown, string field)
    {
        if (Scalar(node, field) is var text && !values.Contains(text, StringComparer.OrdinalIgnoreCase))
        {
            throw Refused(node, field, $"'{text}' is none of {string.Join(", ", values.Take(shown))}");
        }
    }

    private static string Scalar(YamlNode node, string field)
    {
        var scalar = node as YamlScalarNode ?? throw Refused(node, field, "it is no text");
        return scalar.Style == ScalarStyle.Plain && Nothing.Contains(scalar.Value) ? throw Refused(node, field, "it is empty; a text may be in quotes") : scalar.Value!;
    }

    private static ArgumentException Refused(YamlNode node, string field, string why) => new($"line {node.Start.Line}: {(field.Length > 0 ? $"{field}: " : "")}{why}");

    private static string NameOf(string name) => JsonNamingPolicy.CamelCase.ConvertName(name);
}
