using System.CommandLine;
using System.Globalization;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Datasets;

/// <summary><c>distill datasets split</c>: a dataset's parts, and whether they have something in common all the same.</summary>
internal static class SplitCommand
{
    public static Command Create(Option<string> student)
    {
        var name = DatasetsCommand.Name();
        var fractions = new Option<string>("--fractions") { Description = "The parts and their shares, such as train=0.8,test=0.2; what is left belongs to none.", Required = true };
        var seed = new Option<long>("--seed") { Description = "Decides which rows belong to which part." };
        var by = new Option<string>("--group-by") { Description = "What keeps rows in one part: group (their group, or their whole input), segment:N (segment N from 0, such as the premise), or none.", DefaultValueFactory = _ => "group" };
        var json = DatasetsCommand.Json();
        return DatasetsCommand.Run(
            new Command("split", "Divides a dataset into parts; the same rows, seed and fractions give the same parts.") { name, fractions, seed, by, json },
            student,
            async (client, parsed, cancellationToken) =>
            {
                var request = new SplitDatasetRequest { Seed = parsed.GetValue(seed), Grouping = Grouping(parsed.GetValue(by)!) };
                request.Fractions.AddRange(parsed.GetValue(fractions)!.Split(',').Select(Fraction));
                request.Name = await DatasetText.ResolveAsync(client, parsed.GetValue(name)!, cancellationToken);
                var response = await client.SplitAsync(request, cancellationToken);
                Console.WriteLine(parsed.GetValue(json) ? ProtoJson.Text(response) : string.Join('\n', response.Parts.Select(part => $"{part.Name}: {DatasetText.Line(part.Dataset)}")));
                await WarnAsync(client, response, cancellationToken);
            });
    }

    private static async Task WarnAsync(DatasetClient client, SplitDatasetResponse response, CancellationToken cancellationToken)
    {
        foreach (var (first, second) in response.Parts.SelectMany((first, i) => response.Parts.Skip(i + 1).Select(second => (first, second))))
        {
            var shared = await client.CompareAsync(first.Dataset.Name, second.Dataset.Name, cancellationToken: cancellationToken);
            foreach (var (what, overlap) in CompareCommand.Leaks(shared).Where(leak => leak.Overlap.Rows > 0))
            {
                await Console.Error.WriteLineAsync($"warning: {overlap.Rows} of {second.Dataset.Rows} rows of {second.Name} have {what} of {first.Name}.");
            }
        }
    }

    private static SplitFraction Fraction(string given) =>
        given.Split('=') is [var name, var share] && double.TryParse(share, NumberStyles.Float, CultureInfo.InvariantCulture, out var fraction)
            ? new SplitFraction { Name = name.Trim(), Fraction = fraction }
            : throw new InvalidDataException($"--fractions: '{given}' is not NAME=SHARE, such as train=0.8.");

    private static Grouping Grouping(string given) =>
        GroupingText.Parse(given) ?? throw new InvalidDataException($"--group-by: '{given}' is not {GroupingText.Forms}.");
}
