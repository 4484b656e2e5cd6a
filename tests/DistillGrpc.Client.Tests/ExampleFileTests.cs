using System.Text;
using DistillGrpc.Client.Examples;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Client.Tests;

[Collection(nameof(ReceivedMemoryTests))]
public sealed class ExampleFileTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public async Task Read_EveryShape_GivesItsExample()
    {
        var rows = await Read(
            """{"input":"one","label":"a","answer":5}""",
            "",
            """{"id":"n","premise":"p","hypothesis":"h","llm_label":"x","rationale":"r","other":[1,{}]}""",
            """{"segments":["a","b","c"],"group":"g","teacher_label":"t"}""");

        Assert.Equal(
            [
                new Example { Id = "1", Segments = { "one" }, Label = "a", Answer = "5" },
                new Example { Id = "n", Segments = { "p", "h" }, TeacherLabel = "x", Rationale = "r", Group = "p" },
                new Example { Id = "4", Segments = { "a", "b", "c" }, Group = "g", TeacherLabel = "t" },
            ],
            rows);
    }

    [Fact]
    public async Task Read_ByteOrderMarkCrlfAndNoLastNewline_AreNoPartOfTheText()
    {
        var path = await Write(Encoding.UTF8.GetPreamble().Concat("{\"input\":\"é\"}\r\n{\"input\":\"b\"}"u8.ToArray()).ToArray());

        Assert.Equal(["é", "b"], await ExampleFile.ReadAsync(path).Select(row => row.Segments[0]).ToListAsync());
    }

    [Fact]
    public async Task Read_ManyLines_GivesAllOfThemInOrder()
    {
        var rows = await Read([.. Enumerable.Range(0, 5000).Select(i => $$"""{"input":"{{new string('x', i % 300)}}{{i}}"}""")]);

        Assert.Equal(Enumerable.Range(0, 5000).Select(i => $"{new string('x', i % 300)}{i}"), rows.Select(row => row.Segments[0]));
    }

    [Theory]
    [InlineData("not json", "it is not JSON")]
    [InlineData("[1]", "it is not a JSON object")]
    [InlineData("{}", "it has no input")]
    [InlineData("""{"input":" "}""", "it has no input")]
    [InlineData("""{"input":7,"premise":"p"}""", null)]
    [InlineData("""{"segments":["a",""]}""", "it has no input")]
    [InlineData("""{"segments":[[1]]}""", "'segments' is neither")]
    [InlineData("""{"input":"a","label":true}""", "'label' is neither")]
    [InlineData("""{"input":"a","rationale":["b"]}""", "'rationale' is neither")]
    [InlineData("""{"input":"a","id":"1"}""", "'id' is '1', and came before")]
    [InlineData("""{"premise":"p"}""", "it has no input")]
    [InlineData("""{"input":"\ud800"}""", "it is not JSON")]
    [InlineData("""{"input":"a"}{"input":"b"}""", "it is not JSON")]
    public async Task Read_BadLine_NamesFileLineAndReason(string line, string? reason)
    {
        if (reason is null)
        {
            Assert.Equal("7", (await Read("", line))[0].Segments[0]);
            return;
        }

        var refused = await Assert.ThrowsAsync<InvalidDataException>(() => Read("""{"input":"good"}""", line));
        Assert.StartsWith($"rows.jsonl, line 2: {reason}", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Read_BytesThatAreNotUtf8_NameTheLine()
    {
        var path = await Write([.. "{\"input\":\"a\"}\n{\"input\":\""u8, 0xff, 0xfe, .. "\"}\n"u8]);

        Assert.Equal("rows.jsonl, line 2: it is not UTF-8.", (await Assert.ThrowsAsync<InvalidDataException>(async () => await ExampleFile.ReadAsync(path).CountAsync())).Message);
    }

    [Fact]
    public async Task Read_LineWithoutEnd_IsRefusedAtTheLimitAndNotHeld()
    {
        var path = await Write([.. Enumerable.Repeat((byte)'x', 64 << 20)]);
        var before = GC.GetTotalAllocatedBytes(precise: true);

        Assert.Contains("line 1: it is longer than 1048576 bytes", (await Assert.ThrowsAsync<InvalidDataException>(async () => await ExampleFile.ReadAsync(path).CountAsync())).Message, StringComparison.Ordinal);
        Assert.InRange(GC.GetTotalAllocatedBytes(precise: true) - before, 0, 16 << 20);
    }

    private async Task<List<Example>> Read(params string[] lines) => await ExampleFile.ReadAsync(await Write(Encoding.UTF8.GetBytes(string.Join('\n', lines) + "\n"))).ToListAsync();

    private async Task<string> Write(byte[] content)
    {
        var path = Path.Combine(_folder.Path, "rows.jsonl");
        await File.WriteAllBytesAsync(path, content);
        return path;
    }
}
