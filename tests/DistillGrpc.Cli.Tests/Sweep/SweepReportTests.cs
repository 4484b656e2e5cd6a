using System.Text.Json;
using System.Xml.Linq;
using DistillGrpc.Cli.Sweep.Plans;
using DistillGrpc.Cli.Sweep.Reports;
using DistillGrpc.Cli.Sweep.Runs;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Tests.Sweep;

public sealed class SweepReportTests : IDisposable
{
    private const string Failed = "no <memory> & \u0001";
    private readonly TemporaryFolder _temporary = new();
    private readonly ResultFolder _folder;

    public SweepReportTests() => _folder = new ResultFolder(new DirectoryInfo(Path.Combine(_temporary.Path, "report")));

    public void Dispose() => _temporary.Dispose();

    [Fact]
    public void Of_FolderWithRuns_SumsThemUpAndComparesThem()
    {
        Fill();

        var report = SweepReport.Of(_folder);

        Assert.Equal((15, 1), (report.Runs.Count, report.Missing));
        // Seeds 1 and 2 get 50 + seed + a bonus of ten rows right.
        var small = Assert.Single(report.Cells, cell => cell is { Line: "label-only", Student: "micro", Fraction: 0.5 });
        Assert.Equal((0.515, 50, 100.0), (small.Mean, small.Rows, small.Flops));
        Assert.Equal(Math.Sqrt(0.00005), small.Deviation, 9);
        var compute = Assert.Single(report.Cells, cell => cell is { Line: "label-only, equal compute", Student: "micro", Fraction: 0.5 });
        Assert.Equal((0.565, 300.0), (compute.Mean, compute.Flops));
        var one = Assert.Single(report.Cells, cell => cell is { Line: "step-by-step", Student: "mini", Fraction: 1 });
        Assert.Equal((1, 1), (one.Accuracies.Count, one.Failed));

        var steps = Assert.Single(report.Differences, each => each is { Against: "label-only", Student: "micro", Fraction: 0.5 });
        Assert.Equal(0.1, steps.Mean, 9);
        Assert.Equal((2, true), (steps.OverSeeds!.Count, steps.OverRows is null));
        var atCompute = Assert.Single(report.Differences, each => each is { Against: "label-only, equal compute", Student: "micro", Fraction: 0.5 });
        Assert.Equal(0.05, atCompute.Mean, 9);
        // Only step by step has the first ten of a hundred rows right, each a group.
        Assert.Equal((0.1, 100), (Math.Round(atCompute.OverRows!.Mean, 9), atCompute.OverRows.Count));
        Assert.InRange(atCompute.OverRows.Low, 0.03, 0.06);

        // The teacher has 60%: micro step by step has 61.5% with half of the rows already, label only does not reach it.
        Assert.Equal(("micro", 50L), (report.Beaten.Single(each => each.Line == "step-by-step").Cell!.Student, report.Beaten.Single(each => each.Line == "step-by-step").Cell!.Rows));
        Assert.Null(report.Beaten.Single(each => each.Line == "label-only").Cell);
    }

    [Fact]
    public void Of_RunThatGotNoBudget_HasNoFigureOfEqualCompute()
    {
        Fill();
        var run = _folder.Find(new Cell("rows", "micro", "gold", 0.5, "label-only", 1))!;
        _folder.Write(run with { Spec = new TrainingSpec(run.Spec) { ComputeBudgetFlops = 0 } });

        var cells = SweepReport.Of(_folder).Cells;

        Assert.Equal([2L], cells.Single(cell => cell is { Line: "label-only, equal compute", Student: "micro", Fraction: 0.5 }).Accuracies.Keys);
    }

    [Fact]
    public void Write_Report_IsAPageByItselfWithEverySeriesAndACsvLineForEachRun()
    {
        Fill();

        SweepReport.Of(_folder).Write(_folder);

        var text = File.ReadAllText(Path.Combine(_folder.Path, "report.html"));
        var page = XDocument.Parse(text);
        foreach (var name in new[] { "label-only", "label-only, equal compute", "step-by-step" })
        {
            // By rows for two students, and by size.
            Assert.InRange(page.Descendants("g").Count(group => (string?)group.Attribute("class") == "series" && group.Element("title")!.Value == name), 3, 4);
        }

        Assert.All(page.Descendants("svg").Where(svg => svg.Attribute("role") is not null), svg => Assert.All(["title", "desc"], name => Assert.NotEqual("", svg.Element(name)!.Value)));
        Assert.Equal(3, page.Descendants("g").Count(group => group.Element("title")?.Value == "teacher: 60%"));
        Assert.Equal(3, page.Descendants("g").Count(group => group.Element("title")?.Value == "most frequent label: 40%"));
        Assert.Contains(page.Descendants("td"), cell => cell.Value == "no <memory> & \uFFFD");
        Assert.Contains(page.Descendants("title"), title => title.Value == "a predicted as b: 3 of 8");
        Assert.DoesNotContain(page.Descendants(), element => element.Name.LocalName is "script" or "link" or "img");
        Assert.DoesNotContain("http", text, StringComparison.Ordinal);
        // What is empty must not be read as a beginning.
        Assert.DoesNotMatch("<(td|th|title|text|g|line|rect|circle|polyline|polygon|div|p|svg)[^>]*/>", text);

        var csv = File.ReadAllLines(Path.Combine(_folder.Path, "report.csv"));
        Assert.Equal(16, csv.Length);
        Assert.StartsWith("mine,rows,micro,1000,gold,0.5,50,50,0,label-only,,1,Succeeded,,100,51,0.51,56,0.56,", csv.Single(line => line.Contains("micro,1000,gold,0.5,50,50,0,label-only,,1,", StringComparison.Ordinal)), StringComparison.Ordinal);
        Assert.Equal(15, JsonDocument.Parse(File.ReadAllText(Path.Combine(_folder.Path, "report.json"))).RootElement.GetProperty("runs").GetArrayLength());
    }

    [Fact]
    public async Task SweepReport_OfAFolder_NeedsNoStudent()
    {
        Fill();

        var (code, output, error) = await Distill.RunAsync("sweep", "report", _folder.Path);
        var (none, _, said) = await Distill.RunAsync("sweep", "report", _temporary.Path);

        Assert.Equal((0, ""), (code, error));
        Assert.Contains("51.5% ±0.7", output, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(_folder.Path, "report.html")));
        Assert.Equal((1, $"error: '{_temporary.Path}' holds no sweep.\n"), (none, said));
    }

    private void Fill()
    {
        var plan = new SweepPlan(
            "mine", [new NamedDataset("rows", "datasets/d")], "datasets/e", [0.5, 1], [1, 2], ["micro", "mini"], ["gold"], Compute.Both, "group", 1, SpecFields.Of("steps", 10),
            [BuiltInVariants.Of("label-only"), BuiltInVariants.Of("step-by-step")], null);
        DataPart[] parts = [new DataPart(0.5, "datasets/half", 50), new DataPart(1, "datasets/d", 100)];
        _folder.WriteRecord(new SweepRecord(
            plan, [new SweepData("rows", "datasets/d", "ab", 100, parts, null, 0, 0, new Dictionary<string, double> { ["gold"] = 0.4 })], new HeldOutData("datasets/e", "cd", 100, 100, 60), "distill sweep", new Dictionary<string, string>()));
        var specs = new CellSpecs(plan, "datasets/e");
        foreach (var cell in SweepCells.Counting(plan).Where(cell => cell is not { Student: "mini", Fraction: 1, Seed: 2, Variant: "label-only" }))
        {
            var isLabel = cell.Variant == "label-only";
            var part = parts.First(part => part.Fraction == cell.Fraction);
            var run = specs.Of(cell, part, SpecFields.None, isLabel ? 300 : 0);
            var right = 50 + (int)cell.Seed;
            var end = new Evaluation { Step = 30, Flops = 300, Examples = 100, Correct = isLabel ? right + 5 : right + 10, Confusion = { new ConfusionCell { Label = "a", Predicted = "a", Count = 5 }, new ConfusionCell { Label = "a", Predicted = "b", Count = 3 } } };
            var hasFailed = cell is { Student: "mini", Fraction: 1, Seed: 2 };
            _folder.Write(new RunResult
            {
                Cell = cell,
                Job = SweepJobs.NameOf(run),
                State = hasFailed ? "Failed" : "Succeeded",
                Reason = hasFailed ? "OUT_OF_MEMORY" : "",
                Message = hasFailed ? Failed : "",
                Spec = run.Spec,
                Rows = part.Rows,
                LabelRows = 50,
                Parameters = cell.Student == "micro" ? 1000 : 9000,
                StepFlops = 100,
                Flops = 300,
                Steps = 30,
                Evaluations = isLabel ? [new Evaluation { Step = 10, Flops = 100, Examples = 100, Correct = right }, end] : [end],
            });
            _folder.Write(cell, Enumerable.Range(0, 100).Select(i => new RowAnswer($"{i}", $"{i}", "a", !isLabel && i < 10)));
        }
    }
}
