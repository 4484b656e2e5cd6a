using System.Text;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;
using Google.Protobuf.WellKnownTypes;

namespace DistillGrpc.Client.Tests;

[Collection(nameof(ReceivedMemoryTests))]
public sealed class FileRowTests
{
    [Theory]
    [InlineData(ExampleFormat.Jsonl, "{\"input\":\"a\"}\nno\n\n[]\n{\"input\":\"\\ud800\"}\n{\"input\":\"b\",\"id\":\"1\"}\n{\"label\":\"x\"}\n{\"input\":\"c\"}", "a c", "2: it is not JSON|4: it is not a JSON object|5: it is not JSON|6: 'id' is '1', and came before|7: it has no input")]
    [InlineData(ExampleFormat.Csv, "input,label\na,1\nb\n \"c,1\nd\",2\ne\"e,3\n\"f\"f,4\n,5\ng,6\n", "a g", "3: it has 1 fields|4: a field with a quote|5: a field with a quote|6: a field with a quote|7: there is text after|8: it has no input")]
    public async Task ReadRows_RowsThatCannotBeUsed_AreNamedAndTheOthersRead(ExampleFormat format, string text, string read, string refused)
    {
        var rows = await Read(Encoding.UTF8.GetBytes(text), format);

        Assert.Equal(read, string.Join(' ', rows.Where(row => row.Example is not null).Select(row => row.Example!.Segments[0])));
        var expected = refused.Split('|');
        var told = rows.Where(row => row.Example is null).Select(row => $"{row.Line}: {row.Refusal}").ToArray();
        Assert.Equal(expected.Length, told.Length);
        Assert.All(expected.Zip(told), pair => Assert.StartsWith(pair.First, pair.Second, StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(ExampleFormat.Jsonl)]
    [InlineData(ExampleFormat.Text)]
    public async Task ReadRows_LineThatNeverEndsAndBytesThatAreNotUtf8_ArePassedOverWithoutHoldingThem(ExampleFormat format)
    {
        byte[] good = format == ExampleFormat.Text ? [.. "ok\n"u8] : [.. "{\"input\":\"ok\"}\n"u8];
        byte[] bytes = [.. good, .. Enumerable.Repeat((byte)'x', 64 << 20), (byte)'\n', .. good, (byte)'"', 0xff, (byte)'\n', .. good, .. Enumerable.Repeat((byte)'y', 2 << 20)];
        var before = GC.GetTotalAllocatedBytes(precise: true);

        var rows = await Read(bytes, format);

        Assert.Equal([(1, ""), (2, "it is longer than 1048576 bytes"), (3, ""), (4, "it is not UTF-8"), (5, ""), (6, "it is longer than 1048576 bytes")], rows.Select(row => ((int)row.Line, row.Refusal)));
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 24 << 20);
    }

    [Fact]
    public async Task Write_RowWithAllThatATeacherGave_IsReadBackAsItWas()
    {
        var row = Taught();

        var read = await Read(Encoding.UTF8.GetBytes(ExampleJson.Write(row) + "\n" + ExampleJson.Write(new Example { Id = "2", Segments = { "x\n\"" } })), ExampleFormat.Jsonl);

        Assert.Equal([row, new Example { Id = "2", Segments = { "x\n\"" } }], read.Select(one => one.Example));
        Assert.Equal("""{"id":"2","segments":["x"]}""", ExampleJson.Write(new Example { Id = "2", Segments = { "x" } }));
    }

    [Fact]
    public async Task ReadRows_LineOfTaughtRows_KeepsWhatTheTeacherGaveForTheLabel()
    {
        var line = """
            {"id":"1","segments":["q"],"llm_label":"yes","rationale":"It is.","outcome":"Parsed","accepted":true,"teacher":"teachers/t","model":"m","prompt_hash":"ab","rationalized":true,"cost":0.5,"agreement":0.5,
            "label_distribution":{"yes":0.75,"no":0.25},"samples":[{"llm_label":"yes","rationale":"It is."},{"llm_label":"no","rationale":"No."},{"llm_label":"yes","rationale":"Since."},{"outcome":"Refusal"}],
            "log_probabilities":[[["It is",-0.1]],[[". The answer is ",-0.2]],[["yes",-0.25],["no",-2]],[[".",0]]]}
            """.ReplaceLineEndings("");

        var read = await Read(Encoding.UTF8.GetBytes(line), ExampleFormat.Jsonl);

        Assert.Equal(
            new Teaching
            {
                Provenance = new Provenance { Teacher = "teachers/t", Model = "m", PromptHash = "ab", Rationalized = true },
                Agreement = 0.5,
                LabelDistribution = { new LabelProbability { Label = "yes", Probability = 0.75 }, new LabelProbability { Label = "no", Probability = 0.25 } },
                Rationales = { "Since." },
                Tokens = { new TokenPosition { Tokens = { new TokenLogProbability { Token = "yes", LogProbability = -0.25 }, new TokenLogProbability { Token = "no", LogProbability = -2 } } } },
            },
            read.Single().Example!.Teaching);
    }

    [Theory]
    [InlineData("""{"input":"a","model":"T"}""", "")]
    [InlineData("""{"input":"a","llm_label":"l","model":{"name":"x"}}""", "'model' is neither")]
    [InlineData("""{"input":"a","llm_label":"l","label_distribution":[1]}""", "'label_distribution' is not an object")]
    [InlineData("""{"input":"a","llm_label":"l","label_distribution":{"l":"x"}}""", "'label_distribution' is not an object")]
    [InlineData("""{"input":"a","llm_label":"l","label_distribution":{"l":1e999}}""", "")]
    [InlineData("""{"input":"a","llm_label":"l","rationales":[1]}""", "'rationales' is not a list of texts")]
    [InlineData("""{"input":"a","llm_label":"l","rationales":["\ud800"]}""", "'rationales' is not a list of texts")]
    [InlineData("""{"input":"a","llm_label":"l","log_probabilities":[[["x"]]]}""", "'log_probabilities' is not a list of positions")]
    [InlineData("""{"input":"a","llm_label":"l","log_probabilities":[[]]}""", "'log_probabilities' is not a list of positions")]
    [InlineData("""{"input":"a","llm_label":"l","agreement":"much"}""", "'agreement' is not a number")]
    [InlineData("""{"input":"a","llm_label":"l","kept":"maybe"}""", "'kept' is not true or false")]
    [InlineData("""{"input":"a","llm_label":"l","create_time":"soon"}""", "'create_time' is not a time")]
    public async Task ReadRows_FieldOfATeacherThatCannotBe_IsNamed(string line, string refusal)
    {
        var row = (await Read(Encoding.UTF8.GetBytes(line), ExampleFormat.Jsonl)).Single();

        Assert.StartsWith(refusal, row.Refusal, StringComparison.Ordinal);
        Assert.Equal(refusal.Length > 0, row.Example is null);
    }

    private static Example Taught() => new()
    {
        Id = "one",
        Segments = { "premise ü", "hypo\"thesis" },
        Label = "yes",
        Answer = "5",
        TeacherLabel = "no",
        Rationale = "Because\nof this.",
        Group = "g",
        Teaching = new Teaching
        {
            Provenance = new Provenance { Teacher = "teachers/t", Model = "m", Prompt = "prompts/p", PromptHash = "ff", FinishReason = "stop", CreateTime = new Timestamp { Seconds = 1_700_000_000, Nanos = 123_456_700 }, Kept = true, Rationalized = true, PermitsDistillation = true },
            LabelDistribution = { new LabelProbability { Label = "no", Probability = 1.0 / 3 }, new LabelProbability { Label = "yes", Probability = 2.0 / 3 } },
            Tokens = { new TokenPosition { Tokens = { new TokenLogProbability { Token = "▁no", LogProbability = -1.0986122886681098 }, new TokenLogProbability { Token = "▁yes", LogProbability = -0.1 } } } },
            Rationales = { "Another.", "A third." },
            Agreement = 1.0 / 3,
        },
    };

    private static async Task<List<FileRow>> Read(byte[] bytes, ExampleFormat format) => await ExampleReader.ReadRowsAsync(new MemoryStream(bytes), "rows", format, ExampleColumns.Usual).ToListAsync();
}
