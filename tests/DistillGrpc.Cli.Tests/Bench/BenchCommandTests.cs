using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using DistillGrpc.Hosting;

namespace DistillGrpc.Cli.Tests.Bench;

public sealed class BenchCommandTests
{
    private const string Preset = "bench --model-preset micro --random-weights ";

    [Fact]
    public async Task Bench_PresetInThisProcess_MeasuresEveryLoadWithExactlyTheTokensThatWereAskedFor()
    {
        var (code, output, error) = await RunAsync(Preset + "--threads 1 --input-tokens 24 --output-tokens 4 --concurrency 1,3 --requests 6 --warm-up 2 --task both --json");

        Assert.Equal((0, ""), (code, error));
        var report = JsonDocument.Parse(output).RootElement;
        Assert.Equal(("micro", "both", 24, 4), (report.GetProperty("model").GetString(), report.GetProperty("task").GetString(), report.GetProperty("inputTokens").GetInt32(), report.GetProperty("outputTokens").GetInt32()));
        Assert.StartsWith("cpu int8", report.GetProperty("engine").GetString(), StringComparison.Ordinal);
        Assert.True(report.GetProperty("residentBytes").GetInt64() > report.GetProperty("weightBytes").GetInt64());
        JsonElement[] results = [.. report.GetProperty("results").EnumerateArray()];
        Assert.Equal([1, 3], results.Select(result => result.GetProperty("concurrency").GetInt32()));
        Assert.All(results, result =>
        {
            Assert.Equal((6, 0), (result.GetProperty("answered").GetInt32(), result.GetProperty("failed").GetInt32()));
            Assert.Equal((24, 24), Range(result, "inputTokens"));
            // Four of the label, four of the rationale.
            Assert.Equal((8, 8), Range(result, "outputTokens"));
            Assert.InRange(P50(result, "firstTokenMs"), 0.001, P50(result, "requestMs"));
            Assert.InRange(P50(result, "decodeMs"), 0.001, P50(result, "requestMs"));
            Assert.Equal((6, JsonValueKind.Null, JsonValueKind.Null), (result.GetProperty("answeredInTime").GetInt32(), result.GetProperty("lateMs").ValueKind, result.GetProperty("sentPerSecond").ValueKind));
            Assert.InRange(result.GetProperty("requestsPerSecond").GetDouble() * 8 / result.GetProperty("outputTokensPerSecond").GetDouble(), 0.999, 1.001);
        });
    }

    [Fact]
    public async Task Bench_LengthsThatDiffer_AreSpreadOverTheirRangeAndNamedInTheReport()
    {
        var (code, output, error) = await RunAsync(Preset + "--threads 1 --input-tokens 40 --output-tokens 8 --length-range 0.5 --concurrency 4 --requests 40 --warm-up 0");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains(": 40 tokens in, 8 out, up to 50% more or less, the label", output, StringComparison.Ordinal);
        var range = Regex.Match(output, @"tokens in (\d+) to (\d+), mean [\d.]+, out (\d+) to (\d+), mean [\d.]+\r?$", RegexOptions.Multiline);
        Assert.InRange(int.Parse(range.Groups[1].Value, CultureInfo.InvariantCulture), 20, 25);
        Assert.InRange(int.Parse(range.Groups[2].Value, CultureInfo.InvariantCulture), 55, 60);
        Assert.InRange(int.Parse(range.Groups[3].Value, CultureInfo.InvariantCulture), 4, 5);
        Assert.InRange(int.Parse(range.Groups[4].Value, CultureInfo.InvariantCulture), 11, 12);
    }

    [Fact]
    public async Task Bench_LabelsOutOfASet_AreAllAnsweredWithOneOfThem()
    {
        var (code, output, error) = await Distill.RunAsync([.. (Preset + "--threads 1 --input-tokens 24 --output-tokens 4 --concurrency 2 --requests 6 --json").Split(' '), "--candidate", "all about after", "--candidate", "of and in"]);

        Assert.Equal((0, ""), (code, error));
        var report = JsonDocument.Parse(output).RootElement;
        Assert.Equal(["all about after", "of and in"], report.GetProperty("candidates").EnumerateArray().Select(candidate => candidate.GetString()));
        // Three words and the end.
        Assert.Equal((4, 4), Range(report.GetProperty("results")[0], "outputTokens"));
    }

    [Fact]
    public async Task Bench_RunningStudent_FitsDistinctPromptsAndSaysWhatItsAnswersHad()
    {
        var service = new MeasuredStudent();
        await using var student = await FakeServices.StartAsync(service);

        var (code, output, error) = await RunAsync($"bench --student {student.Address()} --model models/measured --input-tokens 63 --output-tokens 16 --concurrency 2 --requests 20");

        Assert.Equal((0, ""), (code, error));
        Assert.Contains($"{MeasuredStudent.Version}: 63 tokens in, 16 out, the label", output, StringComparison.Ordinal);
        Assert.Contains("2 at once: 20 answered", output, StringComparison.Ordinal);
        Assert.Contains("tokens in 63, out 3 (of 16: the model ends its answers itself)", output, StringComparison.Ordinal);
        Assert.Contains("encode               3.00      3.00      3.00", output, StringComparison.Ordinal);
        Assert.Equal(24, service.Prompts.Distinct().Count());
    }

    [Fact]
    public async Task Bench_RequestsThatFail_AreCountedByStatusAndTheExitCodeIsOne()
    {
        await using var student = await FakeServices.StartAsync(new MeasuredStudent { RefusesEvery = 5 });

        var (code, output, error) = await RunAsync($"bench --student {student.Address()} --rate 500 --requests 20 --warm-up 0");

        Assert.Equal((1, "error: 4 of 20 requests failed: ResourceExhausted 4.\n"), (code, error));
        Assert.Matches(@"(?m)^500 a second, sent \d+\.\d\d/s: 16 answered in ", output);
        Assert.Matches(@"(?m)^  sent late  ", output);
        Assert.Contains("4 failed: ResourceExhausted 4", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bench_TimeInWhichNoRequestComes_IsAnError()
    {
        await using var student = await FakeServices.StartAsync(new MeasuredStudent());

        var (code, output, error) = await RunAsync($"bench --student {student.Address()} --rate 0.001 --seconds 0.01 --warm-up 0");

        Assert.Equal((1, "error: No request came in that time: raise --seconds.\n"), (code, error));
        Assert.Contains("0.001 a second: 0 answered in 0.0 s, 0.00 requests/s", output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Bench_InputThatTheModelCuts_IsRefused()
    {
        await using var student = await FakeServices.StartAsync(new MeasuredStudent());

        var (code, _, error) = await RunAsync($"bench --student {student.Address()} --input-tokens 300");

        Assert.Equal((1, "error: --input-tokens: the model does not read 300: it cuts longer inputs to 200.\n"), (code, error));
    }

    [Theory]
    [InlineData("bench --model-preset t5-small", "--model-preset: add --random-weights: there are no others.")]
    [InlineData(Preset + "--model models/x", "--model: give it or --model-preset, not both.")]
    [InlineData(Preset + "--student http://127.0.0.1:9", "--student: give it or --model-preset, not both.")]
    [InlineData(Preset + "--engine torch --precision int8", "--precision: must be float32 with --engine torch.")]
    [InlineData(Preset + "--concurrency 1,many", "--concurrency: 'many' is not a number from 1 to 10000.")]
    [InlineData(Preset + "--concurrency 0", "--concurrency: '0' is not a number from 1 to 10000.")]
    [InlineData(Preset + "--rate 0", "--rate: must be above 0, to 1000000.")]
    [InlineData(Preset + "--rate NaN", "--rate: must be above 0, to 1000000.")]
    [InlineData(Preset + "--rate 5 --concurrency 2", "--concurrency: give it or --rate, not both.")]
    [InlineData(Preset + "--rate 5 --together", "--together: is for --concurrency, not for --rate.")]
    [InlineData(Preset + "--concurrency 2,8 --together --requests 7", "--requests: must be at least --concurrency with --together.")]
    [InlineData(Preset + "--seconds 5 --requests 5", "--seconds: give it or --requests, not both.")]
    [InlineData(Preset + "--seconds -1", "--seconds: must be above 0, to 86400.")]
    [InlineData(Preset + "--requests 0", "--requests: must be 1 to 10000000.")]
    [InlineData(Preset + "--warm-up -1", "--warm-up: must be 0 to 10000000.")]
    [InlineData(Preset + "--length-range 1", "--length-range: must be 0 to below 1.")]
    [InlineData(Preset + "--length-range NaN", "--length-range: must be 0 to below 1.")]
    [InlineData(Preset + "--task rationale --candidate yes", "--candidate: is for labels, not for --task rationale.")]
    [InlineData(Preset + "--output-tokens 0", "--output-tokens: must be 1 to 4000.")]
    [InlineData(Preset + "--input-tokens 5000", "--input-tokens: must be 1 to 4000.")]
    [InlineData(Preset + "--input-tokens few", "--input-tokens: 'few' is not a whole number that fits.")]
    [InlineData("bench --threads 2", "--threads: needs --model-preset.")]
    public async Task Bench_OptionsThatCannotBe_AreNamed(string line, string expected)
    {
        var (code, output, error) = await RunAsync(line);

        Assert.Equal((1, "", $"error: {expected}\n"), (code, output, error));
    }

    private static Task<(int ExitCode, string Output, string Error)> RunAsync(string line) => Distill.RunAsync(line.Split(' '));

    private static (double Min, double Max) Range(JsonElement result, string name) =>
        (result.GetProperty(name).GetProperty("min").GetDouble(), result.GetProperty(name).GetProperty("max").GetDouble());

    private static double P50(JsonElement result, string name) => result.GetProperty(name).GetProperty("p50").GetDouble();
}
