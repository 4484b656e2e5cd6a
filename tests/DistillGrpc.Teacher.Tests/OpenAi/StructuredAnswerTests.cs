using DistillGrpc.Contracts.V1;
using Microsoft.AspNetCore.Http;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.OpenAi;

public sealed class StructuredAnswerTests : IDisposable
{
    private const string Yaml = """
        answers: classification
        labels: [praise, complaint]
        structured: true
        exemplars:
        - segments: ["Well done, \"all\" of you!"]
          rationale: The customer says "well done".
          label: praise
        """;

    private static readonly Func<HttpContext, Task> Good = Says("stop", "{\"rationale\": \"It is ", "late.\", \"label\": \"complaint\"}");
    private readonly TemporaryFolder _prompts = new();

    public StructuredAnswerTests() => File.WriteAllText(Path.Combine(_prompts.Path, "mail.yaml"), Yaml);

    public void Dispose() => _prompts.Dispose();

    [Fact]
    public async Task Ask_StructuredPrompt_SendsTheSchemaAndShowsExemplarsInItsForm()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Prompt=mail");

        var result = await Ask(teacher, new RationaleSpec());

        Assert.Equal((ParseOutcome.Parsed, "It is late.", "complaint"), (result.ParseOutcome, result.Rationale, result.Label));
        var body = Assert.Single(endpoint.Requests).Body;
        var format = body.GetProperty("response_format");
        Assert.Equal(("json_schema", true), (format.GetProperty("type").GetString(), format.GetProperty("json_schema").GetProperty("strict").GetBoolean()));
        var schema = format.GetProperty("json_schema").GetProperty("schema");
        Assert.Equal(["rationale", "label"], schema.GetProperty("properties").EnumerateObject().Select(property => property.Name));
        Assert.Equal(["praise", "complaint"], schema.GetProperty("properties").GetProperty("label").GetProperty("enum").EnumerateArray().Select(label => label.GetString()));
        Assert.Equal(["rationale", "label"], schema.GetProperty("required").EnumerateArray().Select(name => name.GetString()));
        Assert.False(schema.GetProperty("additionalProperties").GetBoolean());
        Assert.Contains("""{\"rationale\":\"The customer says \\\"well done\\\".\",\"label\":\"praise\"}""", body.GetRawText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("stop", "Here it is:\n```json\n{\"label\": \"complaint\", \"rationale\": \"It is late.\"}\n```\nAnything else?", ParseOutcome.Parsed)]
    [InlineData("stop", "{\"label\": \"complaint\"}", ParseOutcome.EmptyRationale)]
    [InlineData("stop", "{\"rationale\": \"It is late.\", \"label\": \"other\"}", ParseOutcome.LabelOutsideSet)]
    [InlineData("stop", "{\"rationale\": \"It is late.\", \"label\": \"praise or complaint\"}", ParseOutcome.SeveralLabels)]
    [InlineData("stop", "{\"rationale\": \"It is late.\"}", ParseOutcome.NoLabel)]
    [InlineData("stop", "{\"rationale\": \"It is late.\", \"label\": complaint}", ParseOutcome.NoLabel)]
    [InlineData("length", "{\"rationale\": \"It is late.\", \"label\": \"comp", ParseOutcome.Truncated)]
    [InlineData("stop", "It is late. The answer is complaint.", ParseOutcome.Parsed)]
    public async Task Answer_EachShape_HasItsOutcomeAndTheRawText(string finish, string text, ParseOutcome outcome)
    {
        await using var endpoint = await StartAsync(Says(finish, text));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Prompt=mail");

        var result = await Ask(teacher, new RationaleSpec());

        Assert.Equal((outcome, text), (result.ParseOutcome, result.RawText));
        Assert.Equal(outcome == ParseOutcome.Parsed ? ("It is late.", "complaint") : (result.Rationale, result.Label), (result.Rationale, result.Label));
    }

    [Fact]
    public async Task Answer_RefusalBesideTheText_IsARefusalAndKept()
    {
        await using var endpoint = await StartAsync(Sends(
            $"data: {Chunk("{\"refusal\":\"I must \"}", null)}\n\ndata: {Chunk("{\"refusal\":\"not.\"}", null)}\n\ndata: {Chunk("{}", "stop")}\n\ndata: [DONE]\n\n"));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Prompt=mail");

        var result = await Ask(teacher, new RationaleSpec());

        Assert.Equal((ParseOutcome.Refusal, "I must not.", "refusal"), (result.ParseOutcome, result.RawText, result.Provenance.FinishReason));
    }

    [Fact]
    public void Create_StructuredPromptWithCompletions_NamesTheSettings()
    {
        using var state = new TemporaryFolder();
        var refused = Assert.Throws<InvalidOperationException>(() => TeacherHost.Create(
            [.. Settings("http://127.0.0.1:9/v1"), $"--StateDirectory={state.Path}", "--Teachers:gpt:Prompt=mail", "--Teachers:gpt:Api=completions"]));

        Assert.StartsWith("Teachers:gpt:Prompt", refused.Message, StringComparison.Ordinal);
        Assert.Contains("Api=chat", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Ask_StructuredPromptOfARequestWithCompletions_IsThatRowsError()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Api=completions");

        var result = await Ask(teacher, new RationaleSpec { Prompt = "prompts/mail" });

        Assert.Equal(("INVALID_FIELD", "spec.prompt"), (result.Error.Reason, result.Error.Field));
        Assert.Empty(endpoint.Requests);
    }

    private string[] Settings(string address) =>
    [
        "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={address}", "--Teachers:gpt:Model=model-1", $"--PromptDirectory={_prompts.Path}",
    ];

    private Task<RunningTeacher> Teacher(ScriptedEndpoint endpoint, params string[] settings) => RunningTeacher.StartAsync([.. Settings(endpoint.Address), .. settings]);

    private static async Task<RationaleResult> Ask(RunningTeacher teacher, RationaleSpec spec) =>
        await teacher.Client.GenerateRationalesAsync(spec, new[] { new Example { Id = "a", Segments = { "My order is late." } } }.ToAsyncEnumerable()).Select(response => response.Result).SingleAsync();
}
