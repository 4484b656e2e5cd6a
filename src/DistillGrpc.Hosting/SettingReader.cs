using System.ComponentModel;
using Microsoft.Extensions.Configuration;

namespace DistillGrpc.Hosting;

/// <summary>Reads what the operator has set.</summary>
public static class SettingReader
{
    /// <summary>Reads the settings of a section; what is not set has its default.</summary>
    /// <param name="section">The section.</param>
    /// <typeparam name="T">The settings, each a property.</typeparam>
    /// <exception cref="InvalidOperationException">A value is not of its setting's kind; the message names the setting, the value and the kind.</exception>
    public static T Read<T>(IConfiguration section)
        where T : class, new()
    {
        foreach (var property in typeof(T).GetProperties())
        {
            var type = Nullable.GetUnderlyingType(property.PropertyType) ?? property.PropertyType;
            if (section.GetSection(property.Name) is { Value: { Length: > 0 } value } setting && KindOf(type) is { } kind && !IsOf(type, value))
            {
                throw new InvalidOperationException($"{setting.Path}: '{value}' is not {kind}.");
            }
        }

        return section.Get<T>() ?? new T();
    }

    // Null where a text may be anything.
    private static string? KindOf(Type type) => type switch
    {
        { IsEnum: true } => $"one of {string.Join(", ", Enum.GetNames(type).Select(name => name.ToLowerInvariant()))}",
        _ when type == typeof(int) || type == typeof(long) => "a whole number",
        _ when type == typeof(double) || type == typeof(float) || type == typeof(decimal) => "a number",
        _ when type == typeof(bool) => "true or false",
        _ when type == typeof(TimeSpan) => "a time, such as 00:00:30 for half a minute",
        _ => null,
    };

    private static bool IsOf(Type type, string value)
    {
        try
        {
            return TypeDescriptor.GetConverter(type).ConvertFromInvariantString(value) is not null;
        }
        catch (Exception unlike) when (unlike is ArgumentException or FormatException or OverflowException)
        {
            return false;
        }
    }
}
