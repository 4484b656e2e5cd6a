using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Logging;
using Parquet;
using Parquet.Schema;

namespace DistillGrpc.Cli.Tests.Datasets;

public sealed class DatasetsCommandTests : IAsyncLifetime
{
    private readonly TemporaryFolder _folder = new();
    private WebApplication _student = null!;

    public async Task InitializeAsync()
    {
        _student = StudentHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={_folder.Path}/state"], builder => builder.Logging.ClearProviders());
        await _student.StartAsync();
    }

    public async Task DisposeAsync()
    {
        await _student.DisposeAsync();
        _folder.Dispose();
    }

    [Fact]
    public async Task UploadSplitCompareDownloadDelete_AgainstARunningStudent_DoWhatTheReadmeSays()
    {
        var rows = Write("rows.jsonl", [.. Enumerable.Range(0, 40).Select(i => $$$"""{"premise":"Premise {{{i / 4}}}.","hypothesis":"Hypothesis {{{i}}}.","label":"l{{{i % 2}}}","llm_label":"l1","rationale":"Because {{{i}}}.","teacher":"teachers/t","label_distribution":{"l0":0.25,"l1":0.75}}""")]);

        var upload = await RunAsync("upload", rows);
        Assert.Equal((0, ""), (upload.ExitCode, upload.Error));
        Assert.Matches("^datasets/[0-9a-f]{32} rows: 40 rows, 40 gold labels, 40 of a teacher, 40 rationales, 10 groups; uploaded, ", upload.Output);
        var name = upload.Output.Split(' ')[0];
        var again = await RunAsync("upload", rows, "--name", "other", "--json");
        var told = JsonDocument.Parse(again.Output).RootElement;
        Assert.Equal((name, "rows", true, "0"), (told.GetProperty("dataset").GetProperty("name").GetString(), told.GetProperty("dataset").GetProperty("displayName").GetString(), told.GetProperty("existed").GetBoolean(), told.GetProperty("rejectedCount").GetString()));

        var get = await RunAsync("get", "rows", "--json");
        Assert.Equal("10", JsonDocument.Parse(get.Output).RootElement.GetProperty("counts").GetProperty("groups").GetString());
        Assert.Equal(get.Output, (await RunAsync("get", name[.."datasets/012345".Length], "--json")).Output);
        Assert.Equal(get.Output, (await RunAsync("get", name["datasets/".Length..], "--json")).Output);
        Assert.Equal(get.Output, (await RunAsync("list", "--json")).Output);

        var split = await RunAsync("split", "rows", "--fractions", "train=0.8,test=0.2", "--seed", "7");
        Assert.Equal((0, ""), (split.ExitCode, split.Error));
        Assert.Matches($"^train: datasets/[0-9a-f]{{32}} rows-train: 32 rows, .*; train of {name[..17]}, .*\ntest: datasets/[0-9a-f]{{32}} rows-test: 8 rows", split.Output);
        var byRow = await RunAsync("split", "rows", "--fractions", "a=0.5,b=0.5", "--group-by", "none");
        Assert.Equal(0, byRow.ExitCode);
        Assert.Matches("warning: [0-9]+ of 20 rows of b have segment 0 of a\\.", byRow.Error);
        Assert.Equal("", (await RunAsync("split", "rows", "--fractions", "a=0.5,b=0.5", "--group-by", "segment:0")).Error);

        var clean = await RunAsync("compare", "rows-train", "rows-test", "--fail-on-overlap");
        Assert.Equal((0, ""), (clean.ExitCode, clean.Error));
        var leak = await RunAsync("compare", "rows-train", "rows", "--fail-on-overlap", "--examples", "1");
        Assert.Equal((1, "error: 32 rows have an input and 32 a group of the first."), (leak.ExitCode, leak.Error.Trim()));
        Assert.Matches("an input: +32  [0-9]+, \\.\\.\\.", leak.Output);

        foreach (var file in new[] { "out.jsonl", "out.parquet" })
        {
            var download = await RunAsync("download", "rows", "--out", Path.Combine(_folder.Path, file));
            Assert.Equal((0, "", ""), (download.ExitCode, download.Output, download.Error));
            var back = await RunAsync("upload", Path.Combine(_folder.Path, file), "--json");
            Assert.Equal((name, true), (JsonDocument.Parse(back.Output).RootElement.GetProperty("dataset").GetProperty("name").GetString(), JsonDocument.Parse(back.Output).RootElement.GetProperty("existed").GetBoolean()));
        }

        var some = await RunAsync("rows", "rows", "--offset", "38");
        Assert.Equal(await File.ReadAllLinesAsync(Path.Combine(_folder.Path, "out.jsonl")), (await RunAsync("rows", "rows")).Output.TrimEnd().Split('\n'));
        Assert.Equal(["39", "40"], some.Output.TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()));

        Assert.Equal($"{name} is deleted.", (await RunAsync("delete", "rows")).Output.Trim());
        Assert.Equal((1, "error: There is no dataset 'rows'."), await FailureAsync("get", "rows"));
        Assert.Equal((1, $"error: There is no dataset '{name}'. (NotFound, DATASET_NOT_FOUND)"), await FailureAsync("delete", name));
    }

    [Fact]
    public async Task Upload_LinesThatCannotBeUsed_AreShownWithNumberAndReason()
    {
        var rows = Write("rows.jsonl", """{"input":"a","id":"1"}""", "no", "", """{"input":"b","id":"1"}""", """{"input":"c","label":" ","id":"c"}""", """{"input":"d"}""");

        var upload = await RunAsync("upload", rows, "--json");
        var permitted = await RunAsync("upload", rows, "--max-rejected", "3");
        var refused = await RunAsync("upload", rows, "--max-rejected", "2", "--name", "refused");

        string[] lines = ["rows.jsonl: row 2: it is not JSON", "rows.jsonl: row 4: 'id' is '1', and came before", "rows.jsonl: row 5 (id c): row.label must not be white space alone"];
        Assert.Equal((1, string.Join('\n', [.. lines, "error: 3 rows cannot be used and are left out; --max-rejected 3 permits it."])), (upload.ExitCode, upload.Error.TrimEnd()));
        Assert.Equal(["2", "4", "5"], JsonDocument.Parse(upload.Output).RootElement.GetProperty("rejected").EnumerateArray().Select(row => row.GetProperty("position").GetString()));
        Assert.Equal((0, string.Join('\n', lines)), (permitted.ExitCode, permitted.Error.TrimEnd()));
        Assert.EndsWith(" (was there already)", permitted.Output.TrimEnd(), StringComparison.Ordinal);
        Assert.Equal((1, "", string.Join('\n', [.. lines, "error: More than 2 rows cannot be used, and nothing was kept. (InvalidArgument, TOO_MANY_REJECTED_ROWS)"])), (refused.ExitCode, refused.Output, refused.Error.TrimEnd()));
    }

    [Fact]
    public async Task Upload_StandardInputAndOnlyChecked_KeepNoFile()
    {
        var piped = await Distill.RunAsync(new Distill.PipedIn("input,label\na,1\nb,2\n"), ["datasets", "upload", "-", "--format", "csv", "--name", "piped", "--student", $"{_student.Address()}"]);
        var check = await RunAsync("upload", Write("x.txt", "one", "two"), "--check");

        Assert.Equal((0, ""), (piped.ExitCode, piped.Error));
        Assert.Contains(" piped: 2 rows, 2 gold labels", piped.Output, StringComparison.Ordinal);
        Assert.StartsWith("(not kept) x: 2 rows, ", check.Output, StringComparison.Ordinal);
        Assert.Single((await RunAsync("list")).Output.TrimEnd().Split('\n'));
    }

    [Fact]
    public async Task Upload_ParquetOfSomebodyElse_ReadsColumnsOfTextsNumbersAndLists()
    {
        var path = Path.Combine(_folder.Path, "theirs.parquet");
        var (list, label, text, image) = (new ListField("segments", new DataField<string>("item")), new DataField<long>("class"), new DataField<string>("rationale"), new DataField<byte[]>("image"));
        await using (var file = File.Create(path))
        {
            await using var writer = await ParquetWriter.CreateAsync(new ParquetSchema(list, label, text, image), file);
            using var group = writer.CreateRowGroup();
            // Two segments, one, none at all (no list), one.
            await group.WriteAllPartsAsync<ReadOnlyMemory<char>>((DataField)list.Item, new[] { "p".AsMemory(), "h".AsMemory(), "q".AsMemory(), "r".AsMemory() }, new[] { 3, 3, 3, 0, 3 }, new[] { 0, 1, 0, 0, 0 }, default);
            await group.WriteAsync<long>(label, new long[] { 0, 1, 2, -3 });
            await group.WriteAsync(text, ["because", null!, "x", ""]);
            await group.WriteAsync(image, new byte[][] { [1], [2], [3], [4] });
        }

        var upload = await RunAsync("upload", path, "--label-column", "class");
        var rows = await new DatasetClient(DistillChannel.To(_student.Address())).ReadAsync(upload.Output.Split(' ')[0]).ToListAsync();

        Assert.StartsWith("theirs.parquet: row 3: it has no input", upload.Error, StringComparison.Ordinal);
        Assert.Equal(
            [new Example { Id = "1", Segments = { "p", "h" }, Label = "0", Rationale = "because" }, new Example { Id = "2", Segments = { "q" }, Label = "1" }, new Example { Id = "4", Segments = { "r" }, Label = "-3" }],
            rows);
        Assert.Equal((1, "error: theirs.parquet: there is no column 'gold'; there are segments, class, rationale, image."), await FailureAsync("upload", path, "--label-column", "gold"));
    }

    [Fact]
    public async Task Upload_RowWithAllThatATeacherGave_ComesBackFromEitherFormatAsItWas()
    {
        var row = """{"id":"a","segments":["p","h"],"label":"yes","answer":"5","group":"g","llm_label":"no","rationale":"r","teacher":"teachers/t","model":"m","prompt":"prompts/p","prompt_hash":"ff","finish_reason":"stop","create_time":"2026-01-31T12:00:00.500Z","kept":true,"rationalized":true,"permits_distillation":true,"agreement":0.3333333333333333,"label_distribution":{"no":0.6666666666666666,"yes":0.3333333333333333},"rationales":["s","t"],"log_probabilities":[[["no",-0.1],["yes",-1.5]]]}""";
        var name = (await RunAsync("upload", Write("all.jsonl", row, """{"id":"b","segments":["[1]"]}"""), "--name", "all")).Output.Split(' ')[0];

        foreach (var file in new[] { "all-out.jsonl", "all-out.parquet" })
        {
            await RunAsync("download", "all", "--out", Path.Combine(_folder.Path, file));
            Assert.StartsWith(name, (await RunAsync("upload", Path.Combine(_folder.Path, file))).Output, StringComparison.Ordinal);
        }

        Assert.Equal(row, (await File.ReadAllLinesAsync(Path.Combine(_folder.Path, "all-out.jsonl")))[0]);
    }

    [Fact]
    public async Task Upload_ReferenceLayout_JoinsGoldAndAnswers()
    {
        Directory.CreateDirectory(Path.Combine(_folder.Path, "llm"));
        Write("llm/train_CoT_0.json", """["3 and 4. The answer is (3 + 4).\n\nQ: And?\nA: The answer is 9."]""");
        var gold = Write("svamp_train.json", """{"input":"How many?","label":"( 3.0 + 4.0 )"}""");

        var upload = await RunAsync("upload", gold, "--format", "reference");
        var rows = await RunAsync("rows", "svamp_train");

        Assert.Equal((0, ""), (upload.ExitCode, upload.Error));
        Assert.Equal("""{"id":"1","segments":["How many?"],"label":"( 3.0 + 4.0 )","llm_label":"(3 + 4)","rationale":"3 and 4."}""", rows.Output.Trim());
    }

    [Fact]
    public async Task Commands_WhatCannotBe_IsSaidInALineAndTheExitCodeIsOne()
    {
        var rows = Write("a.jsonl", """{"input":"a"}""");
        await RunAsync("upload", rows, "--name", "twice");
        await RunAsync("upload", Write("b.jsonl", """{"input":"b"}"""), "--name", "twice");
        var damaged = Path.Combine(_folder.Path, "damaged.parquet");
        await File.WriteAllTextAsync(damaged, "PAR1 and nothing else PAR1");

        Assert.Matches("^error: 2 datasets are called 'twice'; give the name of one: datasets/.*, datasets/.*$", (await FailureAsync("get", "twice")).Error);
        Assert.Equal((1, "error: a.jsonl: there are no rows."), await FailureAsync("upload", Write("a.jsonl")));
        Assert.Equal((1, "error: damaged.parquet: it is not a Parquet file that can be read."), await FailureAsync("upload", damaged));
        Assert.Equal((1, "error: --fractions: 'x' is not NAME=SHARE, such as train=0.8."), await FailureAsync("split", "twice", "--fractions", "train=0.5,x"));
        Assert.Equal((1, "error: --group-by: 'premise' is not group, segment:N or none."), await FailureAsync("split", "twice", "--fractions", "a=1", "--group-by", "premise"));
        Assert.Contains("error: --name: spec.display_name", (await FailureAsync("upload", rows[..^7] + "b.jsonl", "--name", new string('x', 300))).Error, StringComparison.Ordinal);
        Assert.Equal((1, "error: --format parquet needs a file: it is not read from its beginning to its end."), await FailureAsync("upload", "-", "--format", "parquet"));
        Assert.Equal(1, (await FailureAsync("upload", Path.Combine(_folder.Path, "none.jsonl"))).ExitCode);
    }

    private string Write(string name, params string[] lines)
    {
        var path = Path.Combine(_folder.Path, name);
        File.WriteAllLines(path, lines);
        return path;
    }

    private Task<(int ExitCode, string Output, string Error)> RunAsync(params string[] arguments) => Distill.RunAsync(["datasets", .. arguments, "--student", $"{_student.Address()}"]);

    private async Task<(int ExitCode, string Error)> FailureAsync(params string[] arguments)
    {
        var (exitCode, output, error) = await RunAsync(arguments);
        Assert.Equal("", output);
        return (exitCode, error.Trim());
    }
}
