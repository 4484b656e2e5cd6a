using DistillGrpc.Contracts.V1;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Training.Reports;

namespace DistillGrpc.Student.Tests.Training.Reports;

/// <summary>Temperatures, what probabilities are worth, and the rows for both.</summary>
public sealed class CalibrationTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0.4)]
    [InlineData(1)]
    [InlineData(3)]
    public void Fit_LogitsThatAreSoManyTimesTooSure_IsThatTemperature(double temperature)
    {
        var rows = Rows(6000, temperature, seed: 5);

        Assert.Equal(temperature, TemperatureFit.Of(rows), 0.06 * temperature);
    }

    [Fact]
    public void Fit_LabelsOfSeveralTokens_IsThatTemperatureToo()
    {
        // 2 and 3 share their first token, so that they are a choice behind a choice.
        var trie = new TokenTrie([[4, 1], [5, 1], [6, 7, 1], [6, 8, 1]]);
        var random = new Random(3);
        var rows = Enumerable.Range(0, 6000).Select(_ =>
        {
            float[] behind = [Draw(random), Draw(random)], root = [Draw(random), Draw(random), Draw(random)];
            var real = new ChoiceLogits(trie, [behind, root]).LogProbabilities();
            return (new ChoiceLogits(trie, [Times(behind, 2.5), Times(root, 2.5)]), Sample(real, random));
        }).ToArray();

        Assert.Equal(2.5, TemperatureFit.Of(rows), 0.15);
    }

    [Fact]
    public void Fit_StudentThatIsAlwaysRight_IsSurerAndNotCertain()
    {
        var trie = new TokenTrie([[4, 1], [5, 1]]);
        (ChoiceLogits, int)[] rows = [.. Enumerable.Range(0, 200).Select(i => (new ChoiceLogits(trie, [i % 2 == 0 ? [2, 0] : [0, 2]]), i % 2))];

        var temperature = TemperatureFit.Of(rows);

        // 200 right, and of one row more half a row: by hand, a margin of log(200.5 / 0.5).
        Assert.Equal(2 / Math.Log(401), temperature, 1e-3);
    }

    [Fact]
    public void Figures_RowsCountedByHand_AreThose()
    {
        double[][] logs = [Logs(0.9, 0.1), Logs(0.1, 0.9), Logs(0.62, 0.38), Logs(0.62, 0.38)];
        int[] gold = [0, 0, 0, 0];

        var figures = ProbabilityMetrics.Figures(logs, gold);
        var (risks, area) = ProbabilityMetrics.Risks(logs, gold);

        // Bins: 0.62 twice, both right; 0.9 twice, one right.
        Assert.Equal([(2, 0.62, 1), (2, 0.9, 0.5)], figures.Bins.Select(bin => (bin.Rows, Math.Round(bin.Probability, 9), bin.Accuracy)));
        Assert.Equal(0.75, figures.Accuracy);
        Assert.Equal(((2 * 0.38) + (2 * 0.4)) / 4, figures.CalibrationError, 1e-9);
        Assert.Equal(-(Math.Log(0.9) + Math.Log(0.1) + (2 * Math.Log(0.62))) / 4, figures.LogLoss, 1e-9);
        Assert.Equal(((2 * 0.01) + (2 * 0.81) + (4 * 0.38 * 0.38)) / 4, figures.BrierScore, 1e-9);
        // The surest first: right, wrong, right, right.
        Assert.Equal((0 + (1 / 2.0) + (1 / 3.0) + (1 / 4.0)) / 4, area, 1e-9);
        Assert.Equal(20, risks.Count);
        Assert.Equal([(0.25, 0), (0.5, 0.5), (1, 0.25)], new[] { risks[0], risks[9], risks[19] }.Select(point => (point.Coverage, point.Risk)));
        Assert.Equal(0.62, risks[19].MinProbability, 1e-9);
    }

    [Fact]
    public void Figures_CertainRows_AreInTheLastBin()
    {
        var figures = ProbabilityMetrics.Figures([[0, double.NegativeInfinity]], [0]);

        Assert.Equal((1, 1, 0, 0), (figures.Bins.Single().Rows, figures.Accuracy, figures.CalibrationError, figures.LogLoss));
    }

    [Fact]
    public void Rows_HeldOut_AreHalvedByGroupOrInputWithoutWhatWasLearnt()
    {
        Example[] learnt = [.. Enumerable.Range(0, 50).Select(i => Row(i))];
        Example[] heldOut = [.. Enumerable.Range(25, 400).Select(i => Row(i)), .. Enumerable.Range(1000, 300).Select(i => Row(i, group: $"g{i % 30}")), Row(5000, label: "?")];

        var rows = CalibrationRows.Of(heldOut, learnt, new Grouping(), row => row.Label != "?", 2000);
        var fewer = CalibrationRows.Of([.. heldOut.Reverse()], learnt, new Grouping(), row => row.Label != "?", 100);

        string[] fitted = [.. rows.Fitted.Select(row => row.Id)], report = [.. rows.Report.Select(row => row.Id)];
        Assert.Empty(fitted.Intersect(report));
        Assert.Empty(fitted.Concat(report).Intersect(learnt.Select(row => row.Id)));
        Assert.Equal((675, 26), (fitted.Length + report.Length, rows.Unused));
        Assert.InRange(fitted.Length, 240, 435);
        Assert.Empty(rows.Fitted.Select(row => row.Group).Where(group => group.Length > 0).Intersect(rows.Report.Select(row => row.Group)));
        // The order of rows and how many there are to be changes no row's half.
        Assert.Equal((50, 50), (fewer.Fitted.Count, fewer.Report.Count));
        Assert.Subset(fitted.ToHashSet(), fewer.Fitted.Select(row => row.Id).ToHashSet());
        Assert.Subset(report.ToHashSet(), fewer.Report.Select(row => row.Id).ToHashSet());
    }

    [Theory]
    [InlineData("{")]
    [InlineData("{}")]
    [InlineData("""{"temperature": "NaN"}""")]
    [InlineData("""{"temperature": 1000}""")]
    [InlineData("""{"temperature": 2, "refusal": "too few"}""")]
    public void Record_ThatIsDamaged_HasNoTemperature(string text)
    {
        File.WriteAllText(Path.Combine(_folder.Path, CalibrationRecord.File), text);

        Assert.Equal(new Calibration { Refusal = "calibration.json is damaged" }, CalibrationRecord.Of(_folder.Path));
    }

    [Fact]
    public void Record_ThatWasWritten_IsReadAgain()
    {
        var calibration = new Calibration { Temperature = 1.5, FittedRows = 100, After = new ProbabilityFigures { Accuracy = 0.5 } };
        Assert.Null(CalibrationRecord.Of(_folder.Path));

        CalibrationRecord.Write(_folder.Path, calibration);

        Assert.Equal(calibration, CalibrationRecord.Of(_folder.Path));
        File.WriteAllText(Path.Combine(_folder.Path, "model.safetensors"), "others");
        Assert.Equal((0, "calibration.json is of other weights"), (CalibrationRecord.Of(_folder.Path)!.Temperature, CalibrationRecord.Of(_folder.Path)!.Refusal));
    }

    private static Example Row(int i, string group = "", string label = "yes") => new() { Id = $"{i}", Segments = { $"input {i}" }, Group = group, Label = label };

    private static (ChoiceLogits, int)[] Rows(int count, double temperature, int seed)
    {
        var (random, trie) = (new Random(seed), new TokenTrie([[4, 1], [5, 1], [6, 1], [7, 1]]));
        return [.. Enumerable.Range(0, count).Select(_ =>
        {
            float[] logits = [Draw(random), Draw(random), Draw(random), Draw(random)];
            return (new ChoiceLogits(trie, [Times(logits, temperature)]), Sample(new ChoiceLogits(trie, [logits]).LogProbabilities(), random));
        })];
    }

    private static float Draw(Random random) => (float)(4 * (random.NextDouble() - 0.5));

    private static float[] Times(float[] logits, double factor) => Array.ConvertAll(logits, logit => (float)(logit * factor));

    private static int Sample(double[] logs, Random random)
    {
        var point = random.NextDouble();
        for (var i = 0; i < logs.Length - 1; i++)
        {
            point -= Math.Exp(logs[i]);
            if (point < 0)
            {
                return i;
            }
        }

        return logs.Length - 1;
    }

    private static double[] Logs(params double[] probabilities) => Array.ConvertAll(probabilities, Math.Log);
}
