using DistillGrpc.Cli.Sweep.Plans;
using DistillGrpc.Cli.Sweep.Runs;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Tests.Sweep;

public sealed class PlanTests
{
    private const string Plan = """
        datasets: {one: rows-a, two: rows-b}
        evaluation: held-out
        fractions: [1, 0.25]
        seeds: [3, 4]
        labels: [gold, teacher]
        spec: {steps: 40, lambda: 2}
        variants:
          - label-only
          - step-by-step
          - name: half
            from: decoder-prefix
            spec: {alpha: 0.5, learningRate: 0.02}
        tune:
          grid:
            learning_rate: [0.01, 0.05]
            lambda: [1, 3]
        """;

    [Fact]
    public void Read_PlanWithEverything_IsWhatItSays()
    {
        var plan = PlanFile.Read(Plan, "mine.yaml");

        Assert.Equal(("mine", "held-out", Compute.Both, "group"), (plan.Name, plan.Evaluation, plan.Compute, plan.GroupBy));
        Assert.Equal([new NamedDataset("one", "rows-a"), new NamedDataset("two", "rows-b")], plan.Datasets);
        Assert.Equal([0.25, 1], plan.Fractions);
        Assert.Equal([3L, 4L], plan.Seeds);
        Assert.Equal(["micro"], plan.Students);
        Assert.Equal(("label-only", "step-by-step"), (plan.Baseline.Name, plan.Reference!.Name));
        Assert.Equal(4, plan.Tuning!.Points.Count);
        // 2 datasets x 2 label sources x 2 fractions x 2 seeds x 3 variants.
        Assert.Equal(48, SweepCells.Counting(plan).Select(cell => cell.Key).Distinct().Count());
    }

    [Fact]
    public void Read_ReadmesExample_IsAPlan()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "DistillGrpc.sln")))
        {
            root = root.Parent!;
        }

        var example = File.ReadAllText(Path.Combine(root.FullName, "README.md")).Split("```yaml").Select(text => text.Split("```")[0]).Single(text => text.Contains("variants:", StringComparison.Ordinal));
        var plan = PlanFile.Read(example, "reviews.yaml");

        Assert.Equal(["label-only", "step-by-step", "light"], plan.Variants.Select(variant => variant.Name));
        Assert.Equal(["gpt", "llama"], plan.Datasets.Select(dataset => dataset.Name));
        Assert.Equal(4, plan.Tuning!.Points.Count);
    }

    [Fact]
    public void Specs_OfVariants_HaveWhatAllHaveThenWhatIsTunedThenTheirOwn()
    {
        var plan = PlanFile.Read(Plan, "mine.yaml");
        var specs = new CellSpecs(plan, "datasets/held-out");
        TrainingSpec Of(string variant, double budget = 0) => specs.Of(new Cell("one", "micro", "gold", 1, variant, 3), new DataPart(1, "datasets/a", 100), plan.Tuning!.Points[3], budget).Spec;

        var (label, both, half) = (Of("label-only", 5e9), Of("step-by-step"), Of("half"));

        Assert.Equal((TrainingMode.LabelOnly, 40, 0.05, TrainingSpec.WeightingOneofCase.None, 5e9), (label.Mode, label.Steps, label.LearningRate, label.WeightingCase, label.ComputeBudgetFlops));
        Assert.Equal((TrainingMode.DistillingStepByStep, 40, 0.05, 3.0, 3L, LabelSource.Gold), (both.Mode, both.Steps, both.LearningRate, both.Lambda, both.Seed, both.LabelSource));
        // A spec has lambda or alpha: the nearer one stands.
        Assert.Equal((PrefixPlacement.Decoder, 0.02, 0.5), (half.PrefixPlacement, half.LearningRate, half.Alpha));
        Assert.True(both.Report.SkipBaseline);
        Assert.Equal(("datasets/a", "datasets/held-out", "sweep"), (both.Dataset, both.EvaluationDataset, both.Alias));
        // The rationale's weight makes no difference to label only, and half has set all of it.
        Assert.Equal([2, 4, 1], plan.Variants.Select(variant => specs.PointsOf(variant).Count));
    }

    [Fact]
    public void Create_SameRun_HasTheSameIdAndAnotherOneAnother()
    {
        var cell = new Cell("one", "micro", "gold", 1, "A.very_long-name-of-a-variant-of-my-own!", 3);
        var spec = new TrainingSpec { Preset = "micro", Steps = 40, Dataset = "datasets/a" };

        var run = PlannedRun.Create("a-sweep-with-a-long-name", cell, spec, 10);

        Assert.Matches("^a-sweep-with-a-long-name-a-very-long-name-of-a-[a-z]{4}-[0-9a-f]{10}$", run.Id);
        Assert.InRange(run.Id.Length, 1, 63);
        Assert.Equal(run.Id, PlannedRun.Create("a-sweep-with-a-long-name", cell, spec.Clone(), 10).Id);
        Assert.NotEqual(run.Id, PlannedRun.Create("a-sweep-with-a-long-name", cell, new TrainingSpec(spec) { Seed = 1 }, 10).Id);
    }

    [Theory]
    [InlineData("evaluation: e", "p.yaml: datasets: there are none.")]
    [InlineData("datasets: d", "p.yaml: evaluation: there is none.")]
    [InlineData("datasets: d\nevaluation: e\nfractions: [0.5, 2]", "p.yaml: line 3: fractions: '2' must be above 0 and at most 1.")]
    [InlineData("datasets: d\nevaluation: e\nseeds: [1, 1]", "p.yaml: line 3: seeds: '1' comes twice.")]
    [InlineData("datasets: d\nevaluation: e\nstudents: huge", "p.yaml: line 3: students: 'huge' must be one of micro, mini, small, base, or models/ID.")]
    [InlineData("datasets: d\nevaluation: e\nspeed: 1", "p.yaml: line 3: the plan: there is no field 'speed'; there are name, datasets,")]
    [InlineData("datasets: d\nevaluation: e\nvariants:\n  - label-only\n  - step-by-stop", "p.yaml: line 5: variants: there is no variant 'step-by-stop'; there are label-only, step-by-step,")]
    [InlineData("datasets: d\nevaluation: e\nspec:\n  steps: 3\n  stepz: 3", "p.yaml: line 5: spec: a training spec has no field 'stepz'.")]
    [InlineData("datasets: d\nevaluation: e\nspec:\n  steps: many", "p.yaml: line 4: spec: 'steps' cannot be \"many\":")]
    [InlineData("datasets: d\nevaluation: e\nspec:\n  seed: 3", "p.yaml: line 4: spec: 'seed' is decided by the sweep.")]
    [InlineData("datasets: d\nevaluation: e\nvariants:\n  - name: v\n    spec:\n      steps: 9", "p.yaml: line 6: variants: v: spec: 'steps' must be the same for all variants")]
    [InlineData("datasets: d\nevaluation: e\ntune:\n  grid:\n    lambda: [1, x]", "p.yaml: line 5: tune: grid: 'lambda' cannot be \"x\":")]
    [InlineData("datasets: d\nevaluation: e\nname: Big", "p.yaml: line 3: name: 'Big' must have 1 to 24 of a-z, 0-9 and '-', a letter first.")]
    [InlineData("datasets: d\nevaluation: e\nspec:\n  soft_labels: {[a]: 1}", "p.yaml: line 4: a field: it is no text.")]
    [InlineData("datasets: [", "p.yaml: line ")]
    public void Read_PlanThatCannotBeUsed_NamesLineAndField(string yaml, string expected) =>
        Assert.StartsWith(expected, Assert.Throws<InvalidDataException>(() => PlanFile.Read(yaml, "p.yaml")).Message, StringComparison.Ordinal);
}
