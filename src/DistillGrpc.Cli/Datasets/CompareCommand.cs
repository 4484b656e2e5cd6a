using System.CommandLine;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Datasets;

/// <summary><c>distill datasets compare</c>: what a test set has in common with what is trained on.</summary>
internal static class CompareCommand
{
    public static Command Create(Option<string> student)
    {
        var (first, second) = (DatasetsCommand.Name("first"), DatasetsCommand.Name("second"));
        var examples = new Option<int>("--examples") { Description = "Ids that are shown for each kind, 0 to 100.", DefaultValueFactory = _ => 5 };
        var fail = new Option<bool>("--fail-on-overlap") { Description = "The exit code is 1 where rows of the second have an input or a group of the first." };
        var json = DatasetsCommand.Json();
        return DatasetsCommand.Run(
            new Command("compare", "Counts the rows of the second dataset that have an input, group or segment of the first.") { first, second, examples, fail, json },
            student,
            async (client, parsed, cancellationToken) =>
            {
                var names = (await DatasetText.ResolveAsync(client, parsed.GetValue(first)!, cancellationToken), await DatasetText.ResolveAsync(client, parsed.GetValue(second)!, cancellationToken));
                var shared = await client.CompareAsync(names.Item1, names.Item2, parsed.GetValue(examples), cancellationToken);
                Console.WriteLine(parsed.GetValue(json) ? ProtoJson.Text(shared) : Text(shared));
                if (parsed.GetValue(fail) && shared.Inputs.Rows + shared.Groups.Rows > 0)
                {
                    throw new InvalidDataException($"{shared.Inputs.Rows} rows have an input and {shared.Groups.Rows} a group of the first.");
                }
            });
    }

    /// <summary>What rows of the second may have of the first, and how many do.</summary>
    public static IEnumerable<(string What, Overlap Overlap)> Leaks(CompareDatasetsResponse shared) =>
        [("an input", shared.Inputs), ("a group", shared.Groups), .. shared.Segments.Select(segment => ($"segment {segment.Segment}", segment.Overlap))];

    private static string Text(CompareDatasetsResponse shared) => string.Join('\n', Leaks(shared).Append(("an id", shared.Ids))
        .Select(leak => $"  {leak.Item1 + ":",-12} {leak.Item2.Rows,8}{(leak.Item2.Examples.Count > 0 ? $"  {string.Join(", ", leak.Item2.Examples)}{(leak.Item2.Rows > leak.Item2.Examples.Count ? ", ..." : "")}" : "")}")
        .Prepend($"Of {shared.Second.Rows} rows of {Named(shared.Second)} have one of {Named(shared.First)}:"));

    private static string Named(Dataset dataset) => dataset.DisplayName.Length > 0 ? $"{dataset.Name} ({dataset.DisplayName})" : dataset.Name;
}
