using System.Runtime.Versioning;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Microsoft.AspNetCore.Builder;

namespace DistillGrpc.Cli.Tests.Predicting;

/// <summary>Whole files: what is there is not asked again, and what was half written is mended.</summary>
public sealed class PredictFileTests
{
    [Theory]
    [InlineData("")]
    [InlineData("--json")]
    public async Task Predict_FileOfAnInterruptedRun_AsksForTheRestAlone(string json)
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 40);
        var service = new EchoService { Refuses = ["1", "5"] };
        await using var student = await FakeServices.StartAsync(service);
        Task<(int, string, string Error)> Run() => PredictAsync(student, [rows, answers, .. json.Length > 0 ? [json] : Array.Empty<string>()]);

        // As a kill would leave it: a part of the rows, among them one that was refused, and a line that is cut.
        await Run();
        var some = (await File.ReadAllLinesAsync(answers)).Where(line => IdOf(line) is "0" or "1" or "7" or "8").ToArray();
        await File.WriteAllTextAsync(answers, string.Join('\n', some.OrderBy(IdOf))[..^7]);
        service.Refuses = ["5"];
        service.Asked.Clear();
        var rest = await Run();
        service.Refuses = [];
        var asked = service.Asked.Count;
        var (code, output, error) = await Run();
        var again = await Run();

        Assert.EndsWith("37 rows answered, 1 refused, 2 were there.\nerror: 1 of 40 rows were refused; the last one: It is not liked.\n", rest.Error, StringComparison.Ordinal);
        Assert.Equal((0, "", "1 rows answered, 0 refused, 39 were there."), (code, output, error.TrimEnd()));
        Assert.Equal("0 rows answered, 0 refused, 40 were there.", again.Error.TrimEnd());
        Assert.Equal((38, 39), (asked, service.Asked.Count));
        var lines = (await File.ReadAllLinesAsync(answers)).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal(Enumerable.Range(0, 40).Select(i => $"{i}").Order(), lines.Select(line => line.GetProperty("id").GetString()).Order());
        Assert.All(lines, line => Assert.Equal($"row {line.GetProperty("id")}", (json.Length > 0 ? line.GetProperty("prediction").GetProperty("label").GetProperty("text") : line.GetProperty("label")).GetString()));
    }

    [Fact]
    public async Task Predict_RowsThatAreRefused_GiveTheSameExitCodeHoweverOftenTheyAreAsked()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 4);
        await using var student = await FakeServices.StartAsync(new EchoService { Refuses = ["1", "3"] });

        var first = await PredictAsync(student, rows, answers);
        var second = await PredictAsync(student, rows, answers);
        await using var strict = await FakeServices.StartAsync(new EchoService { Refuses = ["0", "1", "2", "3"] });
        var none = await PredictAsync(strict, rows, Path.Combine(folder.Path, "other.jsonl"));

        Assert.Equal("2 rows answered, 2 refused, 0 were there.\nerror: 2 of 4 rows were refused; the last one: It is not liked.\n", first.Error);
        Assert.Equal("0 rows answered, 2 refused, 2 were there.\nerror: 2 of 4 rows were refused; the last one: It is not liked.\n", second.Error);
        Assert.EndsWith("error: No row was answered: It is not liked.\n", none.Error, StringComparison.Ordinal);
        Assert.Equal((1, 1, 1), (first.ExitCode, second.ExitCode, none.ExitCode));
    }

    [Theory]
    [InlineData("--model", "models/other")]
    [InlineData("--task", "both")]
    [InlineData("--candidate", "yes")]
    [InlineData("--temperature", "0.5")]
    [InlineData("--json", "true")]
    public async Task Predict_OtherOptionThanTheFilesAnswers_IsRefusedBeforeAnythingIsAsked(string option, string value)
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 3);
        var service = new EchoService();
        await using var student = await FakeServices.StartAsync(service);
        await PredictAsync(student, rows, answers);
        var before = await File.ReadAllTextAsync(answers);

        var (code, _, error) = await PredictAsync(student, rows, answers, option, value);

        Assert.Equal((1, $"error: --out: {answers} answers row '0' as it was asked with another input, model or option: name another file, or delete this one to ask anew.\n"), (code, error));
        Assert.Equal((before, 3), (await File.ReadAllTextAsync(answers), service.Asked.Count));
    }

    [Fact]
    public async Task Predict_RowThatHasChanged_IsRefusedFromAFileAndFromAPipe()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 3);
        await using var student = await FakeServices.StartAsync(new EchoService());
        await PredictAsync(student, rows, answers);
        var before = await File.ReadAllTextAsync(answers);
        await File.AppendAllTextAsync(rows, """{"id":"3","input":"more"}""");
        var added = await PredictAsync(student, rows, answers);
        await File.WriteAllTextAsync(rows, (await File.ReadAllTextAsync(rows)).Replace("row 2", "row two", StringComparison.Ordinal));

        var file = await PredictAsync(student, rows, answers);
        var pipe = await Distill.RunAsync(new Distill.PipedIn(await File.ReadAllTextAsync(rows)), ["predict", "--in", "-", "--out", answers, "--student", $"{student.Address()}"]);

        Assert.Equal((0, "1 rows answered, 0 refused, 3 were there.\n"), (added.ExitCode, added.Error));
        Assert.All(new[] { file, pipe }, run => Assert.Equal((1, $"error: --out: {answers} answers row '2' as it was asked with another input, model or option: name another file, or delete this one to ask anew.\n"), (run.ExitCode, run.Error)));
        Assert.StartsWith(before, await File.ReadAllTextAsync(answers), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_FileWithAnswersToOtherRows_KeepsThemAndCountsItsOwn()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 5);
        await using var student = await FakeServices.StartAsync(new EchoService());
        await PredictAsync(student, rows, answers);
        await File.WriteAllTextAsync(rows, """{"id":"4","input":"row 4"}""" + "\n" + """{"id":"5","input":"row 5"}""");

        var (code, _, error) = await PredictAsync(student, rows, answers);

        Assert.Equal((0, "1 rows answered, 0 refused, 1 were there.\n"), (code, error));
        Assert.Equal(["0", "1", "2", "3", "4", "5"], (await File.ReadAllLinesAsync(answers)).Select(IdOf).Order());
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Predict_FileBehindALink_IsMendedAndTheLinkStays()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 3);
        var link = Path.Combine(folder.Path, "link.jsonl");
        File.CreateSymbolicLink(link, answers);
        var service = new EchoService { Refuses = ["1"] };
        await using var student = await FakeServices.StartAsync(service);
        await PredictAsync(student, rows, link);
        File.SetUnixFileMode(answers, UnixFileMode.UserRead | UnixFileMode.UserWrite);
        service.Refuses = [];

        var (code, _, error) = await PredictAsync(student, rows, link);

        Assert.Equal((0, "1 rows answered, 0 refused, 2 were there.\n"), (code, error));
        Assert.Equal(answers, new FileInfo(link).LinkTarget);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(answers));
        Assert.Equal(["0", "1", "2"], (await File.ReadAllLinesAsync(answers)).Select(IdOf).Order());
        Assert.Equal(3, Directory.GetFiles(folder.Path).Length);
    }

    [Fact]
    [UnsupportedOSPlatform("windows")]
    public async Task Predict_DeviceThatIsFull_SaysSo()
    {
        using var folder = new TemporaryFolder();
        var (rows, _) = Files(folder, 3);
        await using var student = await FakeServices.StartAsync(new EchoService());

        // What reads from it never ends.
        var (code, _, error) = await PredictAsync(student, rows, "/dev/full");

        Assert.Equal(1, code);
        Assert.StartsWith("error: No space left on device", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_FileThatAnotherRunIsWriting_IsRefused()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 2);
        var service = new EchoService { Refuses = ["0", "1"] };
        await using var student = await FakeServices.StartAsync(service);
        await PredictAsync(student, rows, answers);
        // The first run also puts a new file in the old one's place.
        service.Gate = new TaskCompletionSource();
        service.Refuses = [];
        service.Asked.Clear();
        var first = PredictAsync(student, rows, answers);
        while (service.Asked.IsEmpty && !first.IsCompleted)
        {
            await Task.Delay(10);
        }

        var second = await PredictAsync(student, rows, answers);
        service.Gate.SetResult();

        Assert.Equal((1, $"error: --out: {answers} cannot be written: another run is writing it.\n"), (second.ExitCode, second.Error));
        Assert.Equal((0, "2 rows answered, 0 refused, 0 were there.\n"), ((await first).ExitCode, (await first).Error));
        Assert.Equal(2, (await File.ReadAllLinesAsync(answers)).Length);
    }

    [Fact]
    public async Task Predict_RefusalOfWhatAnOptionSays_EndsTheRunAndNamesTheOption()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 2000);
        var service = new EchoService();
        await using var student = await FakeServices.StartAsync(service);

        var absent = await PredictAsync(student, rows, answers, "--model", "models/absent");
        var cold = await PredictAsync(student, rows, answers, "--temperature", "-1");

        Assert.Equal((1, "error: --model: There is no model 'models/absent'. (NotFound, MODEL_NOT_FOUND)\n"), (absent.ExitCode, absent.Error));
        Assert.Equal((1, "error: --temperature: decoding.temperature: must be 0, or 0.01 to 100 (InvalidArgument, INVALID_FIELD)\n"), (cold.ExitCode, cold.Error));
        Assert.Equal("", await File.ReadAllTextAsync(answers));
    }

    [Fact]
    public async Task Predict_WhatCannotBe_IsNamedAsItWasWritten()
    {
        using var folder = new TemporaryFolder();
        var (rows, _) = Files(folder, 2);
        string[] nobody = ["--student", "http://127.0.0.1:9"];

        Assert.Equal("error: --in: name rows, or give a text, not both.\n", (await Distill.RunAsync(["predict", "--in", rows, "text", .. nobody])).Error);
        Assert.Equal("error: --data: name rows, or give a text, not both.\n", (await Distill.RunAsync(["predict", "--data", rows, "text", .. nobody])).Error);
        Assert.Equal($"error: --out: {folder.Path} cannot be written: it is a folder.\n", (await Distill.RunAsync(["predict", "--in", rows, "--out", folder.Path, .. nobody])).Error);
        Assert.Equal($"error: --out: {folder.Path}/absent/a.jsonl cannot be written: its folder is not there.\n", (await Distill.RunAsync(["predict", "--in", rows, "--out", $"{folder.Path}/absent/a.jsonl", .. nobody])).Error);
    }

    [Fact]
    public async Task Predict_StudentThatGoesAway_LeavesWhatItHasAnsweredAndTheNextRunGoesOn()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 20);
        var service = new EchoService { FailsAfter = 5 };
        await using var student = await FakeServices.StartAsync(service);

        var first = await Distill.RunAsync("predict", "--in", rows, "--out", answers, "--json", "--student", $"{student.Address()}");
        var kept = (await File.ReadAllLinesAsync(answers)).Length;
        service.FailsAfter = int.MaxValue;
        var second = await Distill.RunAsync("predict", "--in", rows, "--out", answers, "--json", "--student", $"{student.Address()}");

        Assert.Equal((1, 0), (first.ExitCode, second.ExitCode));
        Assert.InRange(kept, 1, 5);
        var lines = await File.ReadAllLinesAsync(answers);
        Assert.Equal(Enumerable.Range(0, 20).Select(i => $"row {i}").Order(), lines.Select(line => JsonDocument.Parse(line).RootElement.GetProperty("prediction").GetProperty("label").GetProperty("text").GetString()).Order());
    }

    [Theory]
    [InlineData("{\"name\": \"something else\"}\n{\"name\": \"more\"}\n")]
    [InlineData("precious notes")]
    [InlineData("{\"id\":\"0\",\"label\":\"of a pipe\"}\n")]
    [InlineData("{\"id\":\"0\",\"segments\":[\"row 0\"],\"llm_label\":\"yes\",\"rationale\":\"As it is.\",\"outcome\":\"Parsed\",\"accepted\":true}\n{\"id\":\"1\",\"segments\":[\"row 1\"],\"error\":\"away\"}\n")]
    [InlineData("{\"asked\":\"0123456789abcdef\",\"id\":\"0\",\"label\":\"yes\",\"score\":1}\n")]
    [InlineData("{\"asked\":\"0123456789abcdef\",\"id\":\"0\",\"label\":\"yes\"}\n{\"asked\":\"0123\n{\"asked\":\"0123456789abcdef\",\"id\":\"1\",\"label\":\"no\"}\n")]
    public async Task Predict_FileOfSomethingElse_IsLeftAsItIs(string content)
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, 2);
        await File.WriteAllTextAsync(answers, content);

        var (code, _, error) = await Distill.RunAsync("predict", "--in", rows, "--out", answers, "--student", "http://127.0.0.1:9");

        Assert.Equal(1, code);
        Assert.Contains("--out", error, StringComparison.Ordinal);
        Assert.Equal(content, await File.ReadAllTextAsync(answers));
        Assert.Empty(Directory.GetFiles(folder.Path, "*.tmp"));
    }

    [Fact]
    public async Task Predict_WritingOptions_ReachTheStudentAndItsRefusalNamesThem()
    {
        var service = new EchoService();
        await using var student = await FakeServices.StartAsync(service);
        string[] options =
        [
            "--num-beams", "2", "--num-answers", "3", "--length-penalty", "0", "--temperature", "0.5", "--top-k", "4", "--top-p", "0.9", "--min-p", "0.1", "--repetition-penalty", "1.5", "--no-repeat-ngram", "2", "--seed",
            "7", "--prefix", "As", "--stop", "a", "--stop", "b", "--candidate", "yes", "--candidate", "no", "--logprobs", "6",
        ];
        await Distill.RunAsync(["predict", .. options, "--student", $"{student.Address()}", "text"]);
        var refused = await Distill.RunAsync("predict", "--temperature", "-1", "--student", $"{student.Address()}", "text");

        var expected = new DecodingOptions
        {
            NumBeams = 2,
            NumAnswers = 3,
            LengthPenalty = 0,
            Temperature = 0.5,
            TopK = 4,
            TopP = 0.9,
            MinP = 0.1,
            RepetitionPenalty = 1.5,
            NoRepeatNgramSize = 2,
            Seed = 7,
            Prefix = "As",
            Stop = { "a", "b" },
        };
        var asked = service.Streamed.First();
        Assert.Equal(expected, asked.Decoding);
        Assert.Equal((6, "yes,no"), (asked.TopLogProbabilities, string.Join(',', asked.Candidates)));
        Assert.StartsWith("error: --temperature: ", refused.Error, StringComparison.Ordinal);
    }

    private static (string Rows, string Answers) Files(TemporaryFolder folder, int count)
    {
        var rows = Path.Combine(folder.Path, "rows.jsonl");
        File.WriteAllLines(rows, Enumerable.Range(0, count).Select(i => JsonSerializer.Serialize(new { id = $"{i}", input = $"row {i}" })));
        return (rows, Path.Combine(folder.Path, "answers.jsonl"));
    }

    // Rows, answers, and what else there is to say.
    private static Task<(int ExitCode, string Output, string Error)> PredictAsync(WebApplication student, params string[] line) =>
        Distill.RunAsync(["predict", "--in", line[0], "--out", line[1], .. line[2..], "--student", $"{student.Address()}"]);

    private static string IdOf(string line) => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()!;
}
