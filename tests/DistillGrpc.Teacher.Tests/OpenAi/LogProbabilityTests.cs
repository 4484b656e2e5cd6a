using System.Text;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Backends.OpenAi;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;
using Microsoft.AspNetCore.Http;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.OpenAi;

public sealed class LogProbabilityTests
{
    // "é" is two tokens, and the label's first token competes with those of the other labels.
    private static readonly Position[] Answer =
    [
        new("Caf", 1), new("\\xc3", 0.9, Bytes: [0xc3]), new("\\xa9", 1, Bytes: [0xa9]), new(".", 1), new(" The", 1), new(" answer", 1), new(" is", 1),
        new(" contr", 0.5, [(" contr", 0.5), (" neutral", 0.2), (" ent", 0.1), (" maybe", 0.2)]), new("adiction", 1), new(".", 1),
    ];

    [Theory]
    [InlineData("chat")]
    [InlineData("completions")]
    [InlineData("completions-as-chat")]
    public async Task Answer_AskedWithLogProbabilities_HasTokensAndTheLabelsDistribution(string how)
    {
        var answer = how == "completions" ? [.. Answer.Skip(3).Prepend(new("Cafe", 1))] : Answer;
        await using var endpoint = await StartAsync(Writes(how, answer));

        var (read, written) = await Ask(endpoint, how, "nli", top: 4, Row("x", "y"));

        Assert.Equal(how == "completions" ? "Cafe. The answer is contradiction." : "Café. The answer is contradiction.", written.Text);
        Assert.Equal(written.Text, string.Concat(read.Tokens.Select(position => position.Tokens[0].Token)));
        var first = Assert.Single(read.Tokens, position => position.Tokens.Count > 1);
        Assert.Equal([" contr", " neutral", " maybe", " ent"], first.Tokens.Select(token => token.Token));
        Assert.Equal(0.5, Math.Exp(first.Tokens[0].LogProbability), 5);
        Assert.Equal(["entailment", "neutral", "contradiction"], read.Distribution.Select(label => label.Label));
        Assert.Equal([0.125, 0.25, 0.625], read.Distribution.Select(label => Math.Round(label.Probability, 5)));
        var body = endpoint.Requests.Single().Body;
        Assert.Equal(how == "chat" ? (true, 4) : (false, 4), how == "chat"
            ? (body.GetProperty("logprobs").GetBoolean(), body.GetProperty("top_logprobs").GetInt32())
            : (false, body.GetProperty("logprobs").GetInt32()));
    }

    [Fact]
    public async Task Answer_NotAskedWithLogProbabilities_HasNone()
    {
        await using var endpoint = await StartAsync(Writes("chat", Answer));

        var (read, _) = await Ask(endpoint, "chat", "nli", top: 0, Row("x", "y"));

        Assert.Empty(read.Tokens);
        Assert.Empty(read.Distribution);
        Assert.False(endpoint.Requests.Single().Body.TryGetProperty("logprobs", out _));
    }

    [Theory]
    [InlineData("chat")]
    [InlineData("completions")]
    public async Task Answer_EndpointThatSendsNone_IsAnAnswerWithout(string how)
    {
        await using var endpoint = await StartAsync(how == "chat"
            ? Says("stop", "So. The answer is neutral.")
            : Sends("data: {\"choices\":[{\"text\":\"So. The answer is neutral.\",\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\ndata: [DONE]\n\n"));

        var (read, _) = await Ask(endpoint, how, "nli", top: 2, Row("x", "y"));

        Assert.Equal("neutral", read.Label);
        Assert.Empty(read.Tokens);
        Assert.Empty(read.Distribution);
    }

    [Theory]
    [InlineData("chat")]
    [InlineData("completions")]
    public async Task Answer_EndpointThatRefusesThem_IsARefusalOfTheInput(string how)
    {
        await using var endpoint = await StartAsync(Refuses(400, """{"error":{"message":"no logprobs","code":"unsupported_parameter"}}"""));

        var refused = await Assert.ThrowsAsync<TeacherRowException>(() => Ask(endpoint, how, "nli", top: 2, Row("x", "y")));

        Assert.Equal("TEACHER_REFUSED_INPUT", refused.Reason);
        Assert.Single(endpoint.Requests);
    }

    [Fact]
    public async Task Distribution_OptionsThatBeginAlike_AreToldApartByTheFollowingTokens()
    {
        await using var endpoint = await StartAsync(Writes("chat", [
            new("So. The answer is", 1), new(" (", 0.9, [(" (", 0.9), (" pond", 0.05), (" x", 0.05)]), new("b", 0.6, [("b", 0.6), ("A", 0.3), ("e", 0.1)]), new(").", 1)]));

        var (read, _) = await Ask(endpoint, "chat", "choice", top: 3, Row("Where?\n(a) pond\n(b) tree\n(c) sky"));

        Assert.Equal("tree", read.Label);
        Assert.Equal(["pond", "tree", "sky"], read.Distribution.Select(label => label.Label));
        Assert.Equal([0.32 / 0.86, 0.54 / 0.86, 0], read.Distribution.Select(label => label.Probability), (expected, actual) => Math.Abs(expected - actual) < 1e-5);
    }

    [Theory]
    [InlineData("So. The answer is| maybe|.")]
    [InlineData("So. The answer is| neutral or entailment|.")]
    [InlineData("So. The| answer |was lost. The answer is neutral.", true)]
    public async Task Distribution_LabelThatIsNotFoundInTheTokens_IsEmpty(string tokens, bool isGarbled = false)
    {
        Position[] positions = [.. tokens.Split('|').Select(token => new Position(token, 0.5))];
        var text = Encoding.UTF8.GetBytes("garbled");
        await using var endpoint = await StartAsync(Writes("chat", isGarbled ? [positions[0], positions[1] with { Bytes = [.. text.Select(b => (int)b)] }, positions[2]] : positions));

        var (read, _) = await Ask(endpoint, "chat", "nli", top: 1, Row("x", "y"));

        Assert.NotEmpty(read.Tokens);
        Assert.Empty(read.Distribution);
    }

    [Fact]
    public async Task Distribution_StructuredAnswer_IsFoundInsideTheJson()
    {
        await using var endpoint = await StartAsync(Writes("chat", [
            new("{\"rationale\": \"It is neutral.\", \"label\"", 1), new(": \"", 1), new("neutral", 0.75, [("neutral", 0.75), ("ent", 0.25)]), new("\"}", 1)]));
        var prompt = Prompt.Parse("prompts/test", Encoding.UTF8.GetBytes("answers: nli\nstructured: true"));

        var (read, _) = await Ask(endpoint, "chat", prompt, top: 2, Row("x"));

        Assert.Equal([0.25, 0.75, 0], read.Distribution.Select(label => Math.Round(label.Probability, 5)));
    }

    private static Func<HttpContext, Task> Writes(string how, IReadOnlyList<Position> positions) => async context =>
    {
        await BeginAsync(context);
        var decoder = Encoding.UTF8.GetDecoder();
        foreach (var position in positions)
        {
            var bytes = position.Bytes is null ? Encoding.UTF8.GetBytes(position.Token) : [.. position.Bytes.Select(b => (byte)b)];
            var characters = new char[16 + bytes.Length];
            var text = position.Bytes is { Length: > 1 } ? position.Token : new string(characters, 0, decoder.GetChars(bytes, characters, flush: false));
            object asChat = new
            {
                content = new[]
                {
                    new
                    {
                        token = position.Token,
                        logprob = Math.Log(position.Probability),
                        bytes = bytes.Select(b => (int)b),
                        top_logprobs = (position.Top ?? []).Select(other => new { token = other.Token, logprob = Math.Log(other.Probability), bytes = Encoding.UTF8.GetBytes(other.Token).Select(b => (int)b) }),
                    },
                },
            };
            object logprobs = how == "completions"
                ? new { tokens = new[] { position.Token }, token_logprobs = new[] { Math.Log(position.Probability) }, top_logprobs = new[] { position.Top?.ToDictionary(other => other.Token, other => Math.Log(other.Probability)) } }
                : asChat;
            await SendAsync(context, how == "chat"
                ? $$$"""{"id":"1","object":"chat.completion.chunk","created":1,"model":"m","choices":[{"index":0,"delta":{"content":{{{JsonSerializer.Serialize(text)}}}},"logprobs":{{{JsonSerializer.Serialize(logprobs)}}},"finish_reason":null}]}"""
                : JsonSerializer.Serialize(new { choices = new[] { new { text, logprobs } } }));
        }

        await SendAsync(context, how == "chat" ? Chunk("{}", "stop") : """{"choices":[{"text":"","finish_reason":"stop"}]}""");
        await SendAsync(context, "[DONE]");
    };

    private static Task<(BackendAnswer Read, WrittenAnswer Written)> Ask(ScriptedEndpoint endpoint, string how, string prompt, int top, Example input) =>
        Ask(endpoint, how, PromptCatalog.Load("").OfSetting("Prompt", prompt), top, input);

    private static async Task<(BackendAnswer Read, WrittenAnswer Written)> Ask(ScriptedEndpoint endpoint, string how, Prompt prompt, int top, Example input)
    {
        var entry = new TeacherEntry { Endpoint = endpoint.Address, Model = "model-1", Api = how.Split('-')[0] };
        using var backend = new OpenAiBackend(OpenAiOptions.Of("gpt", entry), prompt, TimeProvider.System);
        var query = new RationaleQuery(prompt, 0, 0, DateTimeOffset.MaxValue, new CallBudget(0)) { TopLogProbabilities = top };
        var written = await backend.AskAsync([], input, query, (_, _) => ValueTask.CompletedTask, (call, token) => call(token), CancellationToken.None);
        return (backend.Read(written, query, input), written);
    }

    private static Example Row(params string[] segments) => new() { Id = "a", Segments = { segments } };

    private sealed record Position(string Token, double Probability, (string Token, double Probability)[]? Top = null, int[]? Bytes = null);
}
