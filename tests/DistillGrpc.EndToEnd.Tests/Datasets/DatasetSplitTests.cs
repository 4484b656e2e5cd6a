using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.EndToEnd.Tests.Datasets;

public sealed class DatasetSplitTests(RunningPair pair) : IClassFixture<RunningPair>
{
    private readonly DatasetClient _datasets = new(pair.Channel);

    [Fact]
    public async Task Split_ByGroup_KeepsEveryGroupInOnePartAndMeetsTheFractionsToWithinOne()
    {
        var rows = Rows("groups", 1000);
        var name = await UploadAsync(rows);
        var largest = rows.GroupBy(row => row.Group).Max(group => group.Count());

        var split = await _datasets.SplitAsync(Request(name, ("train", 0.7), ("validation", 0.1), ("test", 0.2)));
        var parts = await Task.WhenAll(split.Parts.Select(async part => await _datasets.ReadAsync(part.Dataset.Name).ToListAsync()));

        Assert.Equal(["train", "validation", "test"], split.Parts.Select(part => part.Name));
        Assert.Equal(rows.Select(row => row.Id).Order(), parts.SelectMany(part => part).Select(row => row.Id).Order());
        Assert.All(rows.GroupBy(row => row.Group), group => Assert.Single(parts, part => part.Any(row => row.Group == group.Key)));
        Assert.All(parts.Zip([700, 100, 200]), part => Assert.InRange(part.First.Count, part.Second - largest, part.Second + largest));
        // In the order of the whole.
        Assert.All(parts, part => Assert.Equal(rows.Where(row => part.Any(other => other.Id == row.Id)), part));
        Assert.Equal((0, rows.Select(row => row.Group).Distinct().Count()), (split.UnusedRows, split.Groups));
        var origin = split.Parts[2].Dataset.Origin.Split;
        Assert.Equal((name, "test", 0.2, 5L), (origin.Dataset, origin.Part, origin.Fraction, origin.Seed));
        Assert.Equal("groups-test", split.Parts[2].Dataset.DisplayName);
    }

    [Fact]
    public async Task Split_SameSeed_GivesTheSamePartsAndAnotherSeedOthers()
    {
        var name = await UploadAsync(Rows("seeds", 300));
        var request = Request(name, ("train", 0.5), ("test", 0.5));

        var first = await _datasets.SplitAsync(request);
        var again = await _datasets.SplitAsync(request);
        var other = await _datasets.SplitAsync(new SplitDatasetRequest(request) { Seed = 6 });

        Assert.Equal(first.Parts.Select(part => part.Dataset), again.Parts.Select(part => part.Dataset));
        Assert.All(again.Parts, part => Assert.True(part.Existed));
        Assert.All(first.Parts.Zip(other.Parts), pairOfParts => Assert.NotEqual(pairOfParts.First.Dataset.Name, pairOfParts.Second.Dataset.Name));
    }

    [Fact]
    public async Task Split_ElsewhereWithTheSameRows_GivesTheSameParts()
    {
        var rows = Rows("elsewhere", 100);
        var request = Request(await UploadAsync(rows), ("train", 0.5), ("test", 0.5));
        var here = await _datasets.SplitAsync(request);
        var other = new RunningPair();
        await other.InitializeAsync();
        var datasets = new DatasetClient(other.Channel);
        await datasets.UploadAsync(new UploadSpec(), rows.ToAsyncEnumerable());

        var there = await datasets.SplitAsync(request);
        await other.DisposeAsync();

        Assert.Equal(here.Parts.Select(part => part.Dataset.Name), there.Parts.Select(part => part.Dataset.Name));
    }

    [Fact]
    public async Task Split_BySegment_KeepsRowsOfOnePremiseTogetherWhateverItsCase()
    {
        var rows = Enumerable.Range(0, 200).Select(i => new Example { Id = $"{i}", Segments = { i % 2 == 0 ? $"Premise {i / 8}." : $"PREMISE  {i / 8}", $"Hypothesis {i}" } }).ToArray();
        var request = Request(await UploadAsync(rows, "premises"), ("train", 0.6), ("test", 0.4));

        request.Grouping = new Grouping { Kind = GroupingKind.Segment, Segment = 0 };
        var byPremise = await _datasets.SplitAsync(request);
        request.Grouping = new Grouping { Kind = GroupingKind.None };
        var byRow = await _datasets.SplitAsync(request);

        Assert.Equal((25, 200), (byPremise.Groups, byRow.Groups));
        Assert.Equal(0, (await CompareAsync(byPremise)).Segments.Sum(segment => segment.Overlap.Rows));
        Assert.Equal([120, 80], byRow.Parts.Select(part => part.Dataset.Rows));
        // Row by row, hardly a premise is on one side only.
        Assert.InRange((await CompareAsync(byRow)).Segments[0].Overlap.Rows, 60, 80);
    }

    [Fact]
    public async Task Split_RowsWithoutGroupThatShareTheirInput_StayTogether()
    {
        var rows = Enumerable.Range(0, 100).Select(i => new Example { Id = $"{i}", Segments = { $"Input {i / 2}{(i % 2 == 0 ? "?" : "")}" } }).ToArray();

        var split = await _datasets.SplitAsync(Request(await UploadAsync(rows, "inputs"), ("a", 0.5), ("b", 0.5)));

        Assert.Equal((50, 0), (split.Groups, (await CompareAsync(split)).Inputs.Rows));
    }

    [Fact]
    public async Task Split_FractionsBelowOne_LeaveTheRestOut()
    {
        var name = await UploadAsync(Rows("rest", 400));

        var split = await _datasets.SplitAsync(Request(name, ("tenth", 0.1)));

        Assert.InRange(split.Parts.Single().Dataset.Rows, 30, 50);
        Assert.Equal(400, split.Parts.Single().Dataset.Rows + split.UnusedRows);
    }

    [Fact]
    public async Task Split_RequestThatCannotBe_IsRefusedNamingTheFieldAndLeavesNothing()
    {
        var name = await UploadAsync(Rows("refused", 20));
        foreach (var (change, field) in new (Action<SplitDatasetRequest>, string)[]
        {
            (request => request.Fractions.Clear(), "fractions"),
            (request => request.Fractions.Add(Enumerable.Range(0, 30).Select(i => new SplitFraction { Name = $"p{i}", Fraction = 0.001 })), "fractions"),
            (request => request.Fractions[1].Fraction = double.NaN, "fractions[1].fraction"),
            (request => request.Fractions[1].Fraction = 0, "fractions[1].fraction"),
            (request => request.Fractions[1].Fraction = 1e30, "fractions[1].fraction"),
            (request => request.Fractions[1].Fraction = 0.6, "fractions"),
            (request => request.Fractions[1].Name = "train", "fractions[1].name"),
            (request => request.Fractions[1].Name = "../x", "fractions[1].name"),
            (request => request.Grouping = new Grouping { Kind = (GroupingKind)9 }, "grouping.kind"),
            (request => request.Grouping = new Grouping { Kind = GroupingKind.Segment, Segment = -1 }, "grouping.segment"),
            (request => request.Grouping = new Grouping { Kind = GroupingKind.Segment, Segment = 7 }, "grouping.segment"),
            (request => request.Grouping = new Grouping { Kind = GroupingKind.Group, Segment = 1 }, "grouping.segment"),
            (request => request.Name = "datasets/x", "name"),
        })
        {
            var request = Request(name, ("train", 0.5), ("test", 0.5));
            change(request);
            var failure = await Assert.ThrowsAsync<RpcException>(() => _datasets.SplitAsync(request));
            Assert.Equal((StatusCode.InvalidArgument, field), (failure.StatusCode, RpcErrors.Field(failure)));
        }

        var empty = await Assert.ThrowsAsync<RpcException>(() => _datasets.SplitAsync(Request(name, ("train", 0.99), ("test", 0.001))));
        Assert.Equal((StatusCode.FailedPrecondition, "EMPTY_PART"), (empty.StatusCode, RpcErrors.Reason(empty)));
        Assert.Empty(Directory.GetDirectories(Path.Combine(pair.State, "datasets"), "unfinished-*"));
    }

    [Fact]
    public async Task Compare_DatasetsThatShareRows_CountsThoseOfTheSecondAndNamesSome()
    {
        var first = await UploadAsync([Row("1", "a dog", "it runs", "g1"), Row("2", "a cat", "it sleeps", "g2"), Row("3", "a cow", "it eats", "")], "first");
        var second = await UploadAsync(
        [
            Row("x", "A dog!", "it  runs", ""), Row("y", "a dog", "it barks", "g1"), Row("z", "a bird", "it sleeps", "g3"), Row("3", "a fish", "it swims", ""), Row("w", "a dog it", "runs", ""),
        ], "second");

        var shared = await _datasets.CompareAsync(first, second, examples: 1);
        var other = await _datasets.CompareAsync(second, first);

        Assert.Equal((1, 1, 1), (shared.Inputs.Rows, shared.Groups.Rows, shared.Ids.Rows));
        Assert.Equal([2, 2], shared.Segments.Select(segment => segment.Overlap.Rows));
        Assert.Equal(["x", "y", "3", "x"], shared.Inputs.Examples.Concat(shared.Groups.Examples).Concat(shared.Ids.Examples).Concat(shared.Segments[0].Overlap.Examples));
        Assert.Equal([1, 2], other.Segments.Select(segment => segment.Overlap.Rows));
        Assert.Empty(other.Inputs.Examples);
        var failure = await Assert.ThrowsAsync<RpcException>(() => _datasets.CompareAsync(first, second, 101));
        Assert.Equal("examples", RpcErrors.Field(failure));
        Assert.Equal("second", RpcErrors.Field(await Assert.ThrowsAsync<RpcException>(() => _datasets.CompareAsync(first, "datasets/"))));
    }

    private static Example Row(string id, string premise, string hypothesis, string group) => new() { Id = id, Segments = { premise, hypothesis }, Group = group };

    // Groups of one to seven rows.
    private static Example[] Rows(string name, int count) => [.. Enumerable.Range(0, count).Select(i => new Example { Id = $"{i}", Segments = { $"{name} {i}" }, Group = $"{name} {i / 28}.{(i % 28) switch { < 1 => 1, < 3 => 2, < 6 => 3, < 10 => 4, < 15 => 5, < 21 => 6, _ => 7 }}" })];

    private static SplitDatasetRequest Request(string name, params (string Name, double Share)[] parts)
    {
        var request = new SplitDatasetRequest { Name = name, Seed = 5 };
        request.Fractions.AddRange(parts.Select(part => new SplitFraction { Name = part.Name, Fraction = part.Share }));
        return request;
    }

    private Task<CompareDatasetsResponse> CompareAsync(SplitDatasetResponse split) => _datasets.CompareAsync(split.Parts[0].Dataset.Name, split.Parts[1].Dataset.Name);

    private Task<string> UploadAsync(Example[] rows) => UploadAsync(rows, rows[0].Segments[0].Split(' ')[0]);

    private async Task<string> UploadAsync(Example[] rows, string name) => (await _datasets.UploadAsync(new UploadSpec { DisplayName = name }, rows.ToAsyncEnumerable())).Dataset.Name;
}
