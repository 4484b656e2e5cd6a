using System.Globalization;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Datasets;

/// <summary>Names of datasets and what is known of them, as people write and read them.</summary>
internal static class DatasetText
{
    private const string Collection = "datasets/";

    /// <summary>The name of one that is given by its name, the first digits of its id, or what people call it.</summary>
    /// <exception cref="InvalidDataException">There is none, or several are called so.</exception>
    public static async Task<string> ResolveAsync(DatasetClient client, string given, CancellationToken cancellationToken)
    {
        if (given.StartsWith(Collection, StringComparison.Ordinal))
        {
            return given;
        }

        var called = await client.ListAsync(cancellationToken).Where(dataset => dataset.DisplayName == given).ToListAsync(cancellationToken);
        return called.Count == 1 ? called[0].Name
            : called.Count > 1 ? throw new InvalidDataException($"{called.Count} datasets are called '{given}'; give the name of one: {string.Join(", ", called.Select(dataset => $"{dataset.Name} ({dataset.Rows} rows, {Time(dataset)})"))}")
            : given.Length >= 6 && given.All(char.IsAsciiHexDigitLower) ? Collection + given
            : throw new InvalidDataException($"There is no dataset '{given}'.");
    }

    /// <summary>One line: name, what people call it, rows, what they hold, where they come from.</summary>
    public static string Line(Dataset dataset)
    {
        var counts = dataset.Counts ?? new DatasetCounts();
        return dataset.Damage.Length > 0 ? $"{dataset.Name} damaged: {dataset.Damage}" : string.Create(
            CultureInfo.InvariantCulture,
            $"{(dataset.Name.Length > 0 ? dataset.Name : "(not kept)")}{(dataset.DisplayName.Length > 0 ? $" {dataset.DisplayName}" : "")}: {dataset.Rows} rows, {counts.GoldLabels} gold labels, {counts.TeacherLabels} of a teacher, {counts.Rationales} rationales{(counts.Groups > 0 ? $", {counts.Groups} groups" : "")}; {Origin(dataset)}{(dataset.CreateTime is null ? "" : $", {Time(dataset)}")}");
    }

    /// <summary>Where it comes from.</summary>
    private static string Origin(Dataset dataset) => dataset.Origin?.SourceCase switch
    {
        DatasetOrigin.SourceOneofCase.Training => $"of {dataset.Origin.Training.Job}",
        DatasetOrigin.SourceOneofCase.Extraction => $"{dataset.Origin.Extraction.Extraction}{(dataset.Origin.Extraction.Partial ? " (in part)" : "")}",
        DatasetOrigin.SourceOneofCase.Split => $"{dataset.Origin.Split.Part} of {dataset.Origin.Split.Dataset[..(Collection.Length + 8)]}",
        DatasetOrigin.SourceOneofCase.Escalation => $"what {dataset.Origin.Escalation.Model} was not sure of",
        _ => "uploaded",
    };

    private static string Time(Dataset dataset) => dataset.CreateTime?.ToDateTimeOffset().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture) ?? "";
}
