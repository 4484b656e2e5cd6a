using System.Text.Json;

namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>What an endpoint's JSON holds, where it holds it: another layout is no failure of an answer that is there.</summary>
internal static class LenientJson
{
    /// <summary>A property; undefined where there is none.</summary>
    public static JsonElement Of(JsonElement element, string name) => element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var value) ? value : default;

    /// <summary>An element of an array; undefined where there is none.</summary>
    public static JsonElement At(JsonElement array, int index) => array.ValueKind == JsonValueKind.Array && index < array.GetArrayLength() ? array[index] : default;

    /// <summary>A text, or null.</summary>
    public static string? TextOf(JsonElement element, string name) => Of(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>A number, or what stands for none.</summary>
    public static double Number(JsonElement element, double none) => element.ValueKind == JsonValueKind.Number ? element.GetDouble() : none;
}
