namespace DistillGrpc.Teacher;

/// <summary>Reads the teachers that the operator has configured.</summary>
internal static class TeacherEntries
{
    private static readonly string[] Known = [.. typeof(TeacherEntry).GetProperties().Select(property => property.Name)];

    /// <summary>The teachers by id.</summary>
    /// <param name="teachers">The section <c>Teachers</c>.</param>
    /// <exception cref="InvalidOperationException">A setting is not known, or is not of its kind; the message names it.</exception>
    public static Dictionary<string, TeacherEntry> Of(IConfigurationSection teachers) => teachers.GetChildren().ToDictionary(teacher => teacher.Key, Entry, StringComparer.Ordinal);

    // One by one: bound as a dictionary, a teacher with a value that cannot be converted would be left out in silence, and a misspelt limit be none.
    private static TeacherEntry Entry(IConfigurationSection teacher)
    {
        var unknown = teacher.GetChildren().FirstOrDefault(setting => !Known.Contains(setting.Key, StringComparer.OrdinalIgnoreCase));
        return unknown is null
            ? SettingReader.Read<TeacherEntry>(teacher)
            : throw new InvalidOperationException($"{unknown.Path}: is no setting; a teacher has {string.Join(", ", Known.Order(StringComparer.Ordinal))}.");
    }
}
