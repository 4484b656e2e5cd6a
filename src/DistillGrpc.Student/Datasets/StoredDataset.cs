using System.Text.RegularExpressions;
using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Student.Datasets;

/// <summary>A dataset on the disk: a folder with the rows, and a file that says what they are.</summary>
/// <param name="Folder">The folder; its name is the id.</param>
/// <param name="Dataset">What is known of the rows.</param>
internal sealed partial record StoredDataset(string Folder, Dataset Dataset)
{
    public const string Collection = "datasets/";
    public const string RowFile = "rows.bin";
    public const string InfoFile = "dataset.json";
    public const int IdLength = 32;
    private static readonly JsonFormatter Json = new(JsonFormatter.Settings.Default.WithIndentation());

    public string Id => Path.GetFileName(Folder);

    public DateTimeOffset Created => Dataset.CreateTime?.ToDateTimeOffset() ?? DateTimeOffset.MinValue;

    public string RowPath => Path.Combine(Folder, RowFile);

    /// <summary>Reads what there is; what cannot be used is a dataset with its <see cref="Dataset.Damage"/>.</summary>
    public static StoredDataset Load(string folder)
    {
        var id = Path.GetFileName(folder);
        try
        {
            var dataset = Dataset.Parser.ParseJson(File.ReadAllText(Path.Combine(folder, InfoFile)));
            dataset.Damage = DamageOf(folder, id, dataset);
            return dataset.Damage.Length == 0 ? new StoredDataset(folder, dataset) : Damaged(folder, id, dataset.Damage);
        }
        catch (Exception damaged) when (damaged is InvalidProtocolBufferException or InvalidJsonException or IOException or UnauthorizedAccessException)
        {
            return Damaged(folder, id, $"{InfoFile} {(damaged is FileNotFoundException ? "is not there" : "cannot be read")}");
        }
    }

    /// <summary>Writes what is known of the rows beside them.</summary>
    public static void WriteInfo(string folder, Dataset dataset) => File.WriteAllText(Path.Combine(folder, InfoFile), Json.Format(dataset) + "\n");

    public static bool IsId(string name) => Whole().IsMatch(name);

    private static string DamageOf(string folder, string id, Dataset dataset)
    {
        var rows = new FileInfo(Path.Combine(folder, RowFile));
        return dataset.Name != Collection + id || !dataset.ContentHash.StartsWith(id, StringComparison.Ordinal) ? $"{InfoFile} is another dataset's"
            : rows.LinkTarget is not null ? $"{RowFile} is a link"
            : !rows.Exists ? $"{RowFile} is not there"
            : rows.Length != dataset.SizeBytes ? $"{RowFile} has {rows.Length} bytes instead of {dataset.SizeBytes}"
            : "";
    }

    private static StoredDataset Damaged(string folder, string id, string damage) => new(folder, new Dataset { Name = Collection + id, Damage = damage });

    [GeneratedRegex(@"^[0-9a-f]{32}\z", RegexOptions.CultureInvariant)]
    private static partial Regex Whole();
}
