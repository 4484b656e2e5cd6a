using System.Text.Json;

namespace DistillGrpc.Cli.Tests;

public sealed class QuickstartTests
{
    [Fact]
    public async Task Quickstart_AFewSteps_TrainsBothStudentsAndReportsAsJson()
    {
        using var folder = new TemporaryFolder();
        var predictions = Path.Combine(folder.Path, "predictions.jsonl");

        var (code, output, error) = await Distill.RunAsync(
            "quickstart", "--steps", "6", "--rows", "48", "--held-out", "10", "--seed", "3", "--json", "--predictions", predictions);

        Assert.Equal((0, ""), (code, error));
        var report = JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement;
        Assert.Equal(48, report.GetProperty("teacherRows").GetInt32());
        string[] shares = ["labelOnlyAccuracy", "labelOnlyEqualComputeAccuracy", "dssAccuracy", "majorityAccuracy"];
        Assert.All(shares, name => Assert.InRange(report.GetProperty(name).GetDouble(), 0, 1));
        Assert.True(report.GetProperty("labelP50Ms").GetDouble() > 0);
        Assert.True(report.GetProperty("trainSeconds").GetDouble() > 0);
        Assert.Equal(JsonValueKind.String, report.GetProperty("rationaleSample").ValueKind);
        var rows = await File.ReadAllLinesAsync(predictions);
        Assert.Equal(10, rows.Length);
        var right = rows.Select(row => JsonDocument.Parse(row).RootElement).Count(row => row.GetProperty("gold").GetString() == row.GetProperty("prediction").GetString());
        Assert.Equal(report.GetProperty("dssAccuracy").GetDouble(), right / 10.0, 6);
    }

    [Fact]
    public async Task Quickstart_RecordedRows_GoThroughTheTeacherAndKeepAPremiseOnOneSide()
    {
        using var folder = new TemporaryFolder();
        var data = Path.Combine(folder.Path, "rows.jsonl");
        await File.WriteAllLinesAsync(data, Enumerable.Range(0, 40).Select(i => JsonSerializer.Serialize(new
        {
            id = $"r{i}",
            premise = $"Person {i / 2} sleeps.",
            hypothesis = $"Person {i / 2} is {(i % 2 == 0 ? "awake" : "asleep")}.",
            label = i % 2 == 0 ? "contradiction" : "entailment",
            llm_label = i % 2 == 0 ? "contradiction" : "entailment",
            rationale = i % 2 == 0 ? "Who sleeps is not awake." : "Who sleeps is asleep.",
        })));
        var predictions = Path.Combine(folder.Path, "predictions.jsonl");

        var (code, output, _) = await Distill.RunAsync("quickstart", "--data", data, "--steps", "4", "--json", "--predictions", predictions);

        Assert.Equal(0, code);
        Assert.Equal(32, JsonDocument.Parse(output.TrimEnd().Split('\n')[^1]).RootElement.GetProperty("teacherRows").GetInt32());
        var premises = (await File.ReadAllLinesAsync(predictions)).Select(row => JsonDocument.Parse(row).RootElement.GetProperty("input")[0].GetString()).ToArray();
        Assert.Equal(8, premises.Length);
        Assert.All(premises.GroupBy(premise => premise), group => Assert.Equal(2, group.Count()));
    }

    [Theory]
    [InlineData("quickstart", "--steps", "0", "--steps")]
    [InlineData("quickstart", "--data", "no-such-file", "no-such-file")]
    [InlineData("quickstart", "--predictions", "/no/such/folder/p.jsonl", "/no/such/folder")]
    [InlineData("quickstart", "--student", "", "--student")]
    [InlineData("state", "--state-directory", "", "path")]
    [InlineData("predict", "--student=/tmp", "text", "--student: '/tmp'")]
    [InlineData("predict", "--student=http://127.0.0.1:9", "text", "cannot be reached")]
    public async Task BadInput_AnyCommand_IsOneLineAndAnExitCode(string command, string first, string second, string expected)
    {
        var (code, output, error) = await Distill.RunAsync(command, first, second);

        Assert.Equal((1, ""), (code, output));
        Assert.Contains(expected, error, StringComparison.Ordinal);
        Assert.Single(error.TrimEnd().Split('\n'));
    }
}
