using System.Text;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Tests;

[Collection(nameof(ReceivedMemoryTests))]
public sealed class ExampleReaderTests
{
    [Fact]
    public async Task ReadCsv_QuotesNewlinesCrlfAndByteOrderMark_AreReadAsRfc4180Says()
    {
        var rows = await Csv("\ufeffid,Input , label,rationale,other\r\na,\"one, \"\"two\"\"\r\nthree\",x,,9\r\n\r\n,é,,why,\r\n");

        Assert.Equal(
            [
                new Example { Id = "a", Segments = { "one, \"two\"\r\nthree" }, Label = "x" },
                new Example { Id = "5", Segments = { "é" }, Rationale = "why" },
            ],
            rows);
    }

    [Fact]
    public async Task ReadCsv_SegmentsAndPremises_BecomeSegments()
    {
        Assert.Equal([new Example { Id = "2", Segments = { "a", "b" } }, new Example { Id = "3", Segments = { "c" } }], await Csv("segment1,segment2\na,b\nc,\n"));
        Assert.Equal(
            [new Example { Id = "2", Segments = { "p", "h" }, Group = "p", TeacherLabel = "t", Answer = "4" }],
            await Csv("premise,hypothesis,llm_label,answer\np,h,t,4\n"));
    }

    [Theory]
    [InlineData(ExampleFormat.Csv, "key,question,context,gold,label\n7,q,c,g,no\n")]
    [InlineData(ExampleFormat.Jsonl, """{"key":7,"question":"q","context":"c","gold":"g","label":"no"}""")]
    public async Task Read_OtherNames_AreThoseOfTheColumns(ExampleFormat format, string text)
    {
        var rows = await Read(text, format, new ExampleColumns(["question", "context"], "gold", "key"));

        Assert.Equal([new Example { Id = "7", Segments = { "q", "c" }, Label = "g" }], rows);
    }

    [Theory]
    [InlineData("text,label\na,b\n", "line 1: there is no column 'input', 'segment1', or 'premise' and 'hypothesis'; there are text, label.")]
    [InlineData("input,input\na,b\n", "line 1: the column 'input' comes twice.")]
    [InlineData("input,id\na\n", "line 2: it has 1 fields, and the header 2.")]
    [InlineData("input\n\"a\nb\"\n\"c\n", "line 4: a quote is not closed.")]
    [InlineData("input\na\"b\n", "line 2: a field with a quote in it has none around it.")]
    [InlineData("input\n\"a\"b\n", "line 2: there is text after a closing quote.")]
    [InlineData("input,id\na,1\nb,1\n", "line 3: 'id' is '1', and came before.")]
    [InlineData("input,id\n\"a\n\",3\nb,\nc,2\nd,4\n", "line 6: 'id' is '4', and came before.")]
    [InlineData("input,id\n ,1\n", "line 2: it has no input: 'input', 'segments', 'segment1' and so on, or 'premise' and 'hypothesis'.")]
    public async Task ReadCsv_BadRow_NamesFileLineAndReason(string text, string expected)
    {
        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => Csv(text));

        Assert.Equal($"rows, {expected}", refused.Message);
    }

    [Theory]
    [InlineData(ExampleFormat.Csv, "input,label\na,b\n", "rows, line 1: there is no column 'gold'; there are input, label.")]
    [InlineData(ExampleFormat.Jsonl, """{"input":"a","label":"b"}""", "rows, line 1: it has no 'gold'.")]
    public async Task Read_ColumnThatIsNotThere_IsNamed(ExampleFormat format, string text, string expected) =>
        Assert.Equal(expected, (await Assert.ThrowsAsync<InvalidDataException>(() => Read(text, format, new ExampleColumns([], "gold")))).Message);

    [Fact]
    public async Task ReadCsv_BytesThatAreNotUtf8_NameTheLine()
    {
        var stream = new MemoryStream([.. "input\nok\n\""u8, 0xff, 0xfe, .. "\"\n"u8]);

        Assert.Equal("rows, line 3: it is not UTF-8.", (await Assert.ThrowsAsync<InvalidDataException>(() => Read(stream, ExampleFormat.Csv))).Message);
    }

    [Fact]
    public async Task ReadCsv_QuoteThatIsNeverClosed_IsRefusedAtTheLimitAndNotHeld()
    {
        var stream = new MemoryStream([.. "input\nok\n\""u8, .. Enumerable.Repeat((byte)'x', 64 << 20)]);
        var before = GC.GetTotalAllocatedBytes(precise: true);

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => Read(stream, ExampleFormat.Csv));

        Assert.StartsWith("rows, line 3: it is longer than 1048576 bytes", refused.Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 16 << 20);
    }

    [Fact]
    public async Task ReadText_Lines_AreInputs() =>
        Assert.Equal([new Example { Id = "1", Segments = { "a, \"b" } }, new Example { Id = "3", Segments = { "c" } }], await Read("a, \"b\r\n\nc", ExampleFormat.Text));

    [Theory]
    [InlineData(ExampleFormat.Csv)]
    [InlineData(ExampleFormat.Text)]
    [InlineData(ExampleFormat.Jsonl)]
    public async Task Read_NothingAtAll_HasNoRows(ExampleFormat format) => Assert.Empty(await Read("", format));

    [Theory]
    [InlineData("a/b.csv", ExampleFormat.Csv)]
    [InlineData("b.CSV", ExampleFormat.Csv)]
    [InlineData("b.txt", ExampleFormat.Text)]
    [InlineData("b.jsonl", ExampleFormat.Jsonl)]
    [InlineData("b", ExampleFormat.Jsonl)]
    public void FormatOf_Extension_SaysIt(string path, ExampleFormat expected) => Assert.Equal(expected, ExampleReader.FormatOf(path));

    private static Task<List<Example>> Csv(string text) => Read(text, ExampleFormat.Csv);

    private static Task<List<Example>> Read(string text, ExampleFormat format, ExampleColumns? columns = null) => Read(new MemoryStream(Encoding.UTF8.GetBytes(text)), format, columns);

    private static async Task<List<Example>> Read(Stream stream, ExampleFormat format, ExampleColumns? columns = null) =>
        await ExampleReader.ReadAsync(stream, "rows", format, columns ?? ExampleColumns.Usual).ToListAsync();
}
