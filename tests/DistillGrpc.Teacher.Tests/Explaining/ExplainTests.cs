using System.Text.Json;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.Explaining;

public sealed class ExplainTests
{
    [Fact]
    public async Task Samples_ThatDisagree_GiveTheLabelOfMostWithItsFirstRationaleAndTheAgreement()
    {
        await using var endpoint = await StartAsync(
            Says("stop", "I guess. The answer is no."), Says("stop", "It is so. The answer is yes."), Says("stop", "Who knows."), Says("stop", "It must be. The answer is Yes."), Says("stop", "Sure. The answer is yes."));
        await using var teacher = await Teacher([endpoint], "--MaxInputsInFlight=1", "--Teachers:t0:MaxConcurrency=1");

        var result = await AskAsync(teacher, new RationaleSpec { Samples = 5, Quality = new QualityRules { MinAgreement = 0.7 } }, Row("a", "Is it?"));

        Assert.Equal(5, result.Answers.Count);
        Assert.Equal(("YES", 0.6), (result.Label.ToUpperInvariant(), result.Agreement));
        Assert.Contains(result.Rationale, new[] { "It is so.", "It must be.", "Sure." });
        Assert.Equal([0.75, 0.25], result.LabelDistribution.Select(label => label.Probability));
        Assert.Equal([RejectionReason.LowAgreement], result.Verdict.Reasons);
        Assert.Equal((5 * 31, 5 * 7), (result.Usage.InputTokens, result.Usage.OutputTokens));
        Assert.All(endpoint.Requests, request => Assert.Equal(0.7, request.Body.GetProperty("temperature").GetDouble(), 5));

        var again = await AskAsync(teacher, new RationaleSpec { Samples = 5 }, Row("a", "Is it?"));
        Assert.Equal((5, true, true), (endpoint.Requests.Count, again.Provenance.Kept, again.Verdict.Accepted));

        // Two answers more, of which alone is paid now.
        var more = await AskAsync(teacher, new RationaleSpec { Samples = 7 }, Row("a", "Is it?"));
        Assert.Equal((7, false, 7 * 132L, 2 * 132L), (endpoint.Requests.Count, more.Provenance.Kept, more.Usage.CostNanos, more.PaidNanos));
    }

    [Fact]
    public async Task Vote_OfSeveralTeachers_CountsTheirWeights()
    {
        await using var first = await StartAsync(Says("stop", "One. The answer is no."));
        await using var second = await StartAsync(Says("stop", "Two. The answer is yes."));
        await using var third = await StartAsync(Says("stop", "Three. The answer is yes."));
        await using var teacher = await Teacher([first, second, third]);

        var even = await AskAsync(teacher, Spec(TeacherPolicy.Vote, 1, 1, 1), Row("a", "Is it?"));
        var heavy = await AskAsync(teacher, Spec(TeacherPolicy.Vote, 3, 1, 1), Row("a", "Is it?"));

        Assert.Equal(("yes", "Two.", 2.0 / 3, "teachers/t1"), (even.Label, even.Rationale, even.Agreement, even.Provenance.Teacher));
        Assert.Equal(("no", 0.6), (heavy.Label, heavy.Agreement));
        Assert.Equal(["teachers/t0", "teachers/t1", "teachers/t2"], even.Answers.Select(answer => answer.Teacher));
    }

    [Fact]
    public async Task Weighted_ManyInputs_AreSharedByTheWeightsAndAnInputHasAlwaysTheSameTeacher()
    {
        await using var first = await StartAsync(Says("stop", "One. The answer is no."));
        await using var second = await StartAsync(Says("stop", "Two. The answer is yes."));
        await using var teacher = await Teacher([first, second]);
        var rows = Enumerable.Range(0, 400).Select(i => Row($"{i}", $"Is it {i}?")).ToArray();

        var results = await AskAsync(teacher, Spec(TeacherPolicy.Weighted, 3, 1), rows);
        var again = await AskAsync(teacher, Spec(TeacherPolicy.Unspecified, 3, 1), rows);

        Assert.InRange(first.Requests.Count, 260, 340);
        Assert.Equal(400, first.Requests.Count + second.Requests.Count);
        Assert.All(again, result => Assert.True(result.Provenance.Kept));
        Assert.Equal(results.OrderBy(result => result.InputId).Select(result => result.Provenance.Teacher), again.OrderBy(result => result.InputId).Select(result => result.Provenance.Teacher));
    }

    [Fact]
    public async Task Fallback_FirstTeacherWithoutAnAcceptedAnswer_AsksTheNext()
    {
        await using var first = await StartAsync(context => (AskedIn(context) switch
        {
            "down?" => Refuses(401),
            "odd?" => Refuses(400),
            "vague?" => Says("stop", "Who knows."),
            _ => Says("stop", "One. The answer is no."),
        })(context));
        await using var second = await StartAsync(Says("stop", "Two. The answer is yes."));
        await using var teacher = await Teacher([first, second]);

        var results = (await AskAsync(teacher, Spec(TeacherPolicy.Fallback, 1, 1), Row("a", "good?"), Row("b", "vague?"), Row("c", "odd?"), Row("d", "down?"))).ToDictionary(result => result.InputId);

        Assert.Equal(["no", "yes", "yes", "yes"], new[] { "a", "b", "c", "d" }.Select(id => results[id].Label));
        Assert.Equal(("teachers/t1", 2 * 31), (results["b"].Provenance.Teacher, results["b"].Usage.InputTokens));
        Assert.Equal(3, second.Requests.Count);
    }

    [Theory]
    [InlineData("no", "The answer is no.", true)]
    [InlineData("yes", "The answer is yes.", false)]
    public async Task Rationalize_AnswerThatIsNotGold_IsReplacedByTheReasonForTheGoldLabel(string gold, string hinted, bool isRationalized)
    {
        await using var endpoint = await StartAsync(context => (AskedIn(context).Contains("correct answer is known", StringComparison.Ordinal) ? Says("stop", $"Because of that. {hinted}") : Says("stop", "It is so. The answer is yes."))(context));
        await using var teacher = await Teacher([endpoint]);

        var result = await AskAsync(teacher, new RationaleSpec { Rationalize = true, Quality = new QualityRules { RequireGoldLabel = true } }, Row("a", "Is it?", gold));

        Assert.Equal((gold, isRationalized ? "Because of that." : "It is so.", isRationalized, true), (result.Label, result.Rationale, result.Provenance.Rationalized, result.Verdict.Accepted));
        Assert.Equal(isRationalized ? ["yes"] : [], result.Answers.Select(answer => answer.Label));
        Assert.Equal(isRationalized ? 2 : 1, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Rationalize_OtherGoldLabel_IsAnotherQuestion()
    {
        await using var endpoint = await StartAsync(context => (AskedIn(context) switch
        {
            var asked when asked.Contains("known: no", StringComparison.Ordinal) => Says("stop", "Not so. The answer is no."),
            var asked when asked.Contains("known: maybe", StringComparison.Ordinal) => Says("stop", "Perhaps. The answer is maybe."),
            _ => Says("stop", "It is so. The answer is yes."),
        })(context));
        await using var teacher = await Teacher([endpoint]);
        var spec = new RationaleSpec { Rationalize = true };

        var results = await AskAsync(teacher, spec, Row("a", "Is it?", "no"), Row("b", "Is it?", "maybe"), Row("c", "Is it?", "yes"), Row("d", "Is it?", "no"));

        Assert.Equal(["Not so.", "Perhaps.", "It is so.", "Not so."], results.OrderBy(result => result.InputId).Select(result => result.Rationale));
        Assert.Equal(3, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Judge_RationalesThatDoNotConvinceIt_AreRejected()
    {
        await using var endpoint = await StartAsync(context => Says("stop", $"Since {AskedIn(context)} The answer is yes.")(context));
        await using var judge = await StartAsync(context => Says("stop", AskedIn(context).Contains("Rationale: Since bad", StringComparison.Ordinal) ? "No. The answer is unsound." : AskedIn(context).Contains("Since odd", StringComparison.Ordinal) ? "Hm." : "Fine. The answer is sound.")(context));
        await using var teacher = await Teacher([endpoint, judge]);
        var spec = new RationaleSpec { Teacher = "teachers/t0", Quality = new QualityRules { Judge = "teachers/t1", MaxWords = 4 } };

        var results = (await AskAsync(teacher, spec, Row("a", "good?"), Row("b", "bad?"), Row("c", "odd?"), Row("d", "far too long to be judged?"))).ToDictionary(result => result.InputId);

        Assert.Equal((true, false, false, false), (results["a"].Verdict.Accepted, results["b"].Verdict.Accepted, results["c"].Verdict.Accepted, results["d"].Verdict.Accepted));
        Assert.Equal([RejectionReason.JudgedUnsound, RejectionReason.JudgedUnsound, RejectionReason.TooLong], new[] { "b", "c", "d" }.Select(id => Assert.Single(results[id].Verdict.Reasons)));
        Assert.Equal(3, judge.Requests.Count);
    }

    [Fact]
    public async Task Duplicates_InOneCall_AreNotAsked()
    {
        await using var endpoint = await StartAsync(Says("stop", "It is so. The answer is yes."));
        await using var teacher = await Teacher([endpoint]);
        const string Long = "A man in a red shirt walks his two small dogs along the quiet river early in the morning while the sun rises slowly over the hills and the birds sing";

        var results = (await AskAsync(teacher, new RationaleSpec { Quality = new QualityRules { Duplicates = DuplicateRule.Near } },
            Row("a", Long + "."), Row("b", Long.ToUpperInvariant() + "!"), Row("c", Long + " loudly"), Row("d", "Something else."))).ToDictionary(result => result.InputId);

        Assert.Equal([true, false, false, true], new[] { "a", "b", "c", "d" }.Select(id => results[id].Verdict.Accepted));
        Assert.Equal((RejectionReason.Duplicate, RejectionReason.NearDuplicate), (results["b"].Verdict.Reasons[0], results["c"].Verdict.Reasons[0]));
        Assert.Equal(2, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Lineage_OfATeacherThatPermitsIt_SaysSo()
    {
        await using var endpoint = await StartAsync(Says("stop", "It is so. The answer is yes."));
        await using var open = await Teacher([endpoint], "--Teachers:t0:PermitsDistillation=true");
        await using var closed = await Teacher([endpoint]);

        Assert.True((await AskAsync(open, new RationaleSpec(), Row("a", "Is it?"))).Provenance.PermitsDistillation);
        Assert.False((await AskAsync(closed, new RationaleSpec(), Row("a", "Is it?"))).Provenance.PermitsDistillation);
        Assert.True(Assert.Single(await open.Client.ListTeachersAsync()).PermitsDistillation);
    }

    [Theory]
    [InlineData("""{"samples":65}""", "spec.samples")]
    [InlineData("""{"samples":3,"temperature":0}""", "spec.temperature")]
    [InlineData("""{"samples":3,"streamText":true}""", "spec.stream_text")]
    [InlineData("""{"samples":3,"teacher":"teachers/symbolic"}""", "spec.samples")]
    [InlineData("""{"rationalize":true,"teacher":"teachers/symbolic"}""", "spec.rationalize")]
    [InlineData("""{"topLogProbabilities":21}""", "spec.top_log_probabilities")]
    [InlineData("""{"topLogProbabilities":1,"teacher":"teachers/symbolic"}""", "spec.top_log_probabilities")]
    [InlineData("""{"tag":"No Tag"}""", "spec.tag")]
    [InlineData("""{"policy":"TEACHER_POLICY_VOTE"}""", "spec.policy")]
    [InlineData("""{"teachers":[{"teacher":"teachers/t0"},{"teacher":"teachers/t0"}]}""", "spec.teachers")]
    [InlineData("""{"teachers":[{"teacher":"teachers/t0","weight":0}]}""", "spec.teachers")]
    [InlineData("""{"teacher":"teachers/t0","teachers":[{"teacher":"teachers/symbolic"}]}""", "spec.teacher")]
    [InlineData("""{"quality":{"minWords":-1}}""", "spec.quality.min_words")]
    [InlineData("""{"quality":{"minWords":9,"maxWords":3}}""", "spec.quality.max_words")]
    [InlineData("""{"quality":{"language":"xx"}}""", "spec.quality.language")]
    [InlineData("""{"quality":{"minAgreement":2}}""", "spec.quality.min_agreement")]
    [InlineData("""{"quality":{"judgePrompt":"prompts/judge"}}""", "spec.quality.judge_prompt")]
    [InlineData("""{"quality":{"judge":"teachers/symbolic"}}""", "spec.quality.judge_prompt")]
    [InlineData("""{"quality":{"judge":"teachers/t0","judgePrompt":"prompts/nli"}}""", "spec.quality.judge_prompt")]
    public async Task Spec_ThatCannotBe_IsRefusedNamingTheField(string spec, string field)
    {
        await using var endpoint = await StartAsync(Says("stop", "It is so. The answer is yes."));
        await using var teacher = await Teacher([endpoint], "--Teachers:symbolic:Backend=symbolic", "--DefaultTeacher=t0");

        var refused = await Assert.ThrowsAsync<RpcException>(() => AskAsync(teacher, RationaleSpec.Parser.ParseJson(spec), [Row("a", "Is it?")]));

        Assert.Equal((StatusCode.InvalidArgument, field), (refused.StatusCode, RpcErrors.Field(refused)));
        Assert.Empty(endpoint.Requests);
    }

    private static RationaleSpec Spec(TeacherPolicy policy, params double[] weights) => new()
    {
        Policy = policy,
        Teachers = { weights.Select((weight, i) => new TeacherShare { Teacher = $"teachers/t{i}", Weight = weight }) },
    };

    private static Task<RunningTeacher> Teacher(ScriptedEndpoint[] endpoints, params string[] settings) => RunningTeacher.StartAsync([
        .. endpoints.SelectMany((endpoint, i) => new[] { $"--Teachers:t{i}:Backend=openai", $"--Teachers:t{i}:Endpoint={endpoint.Address}", $"--Teachers:t{i}:Model=m{i}", $"--Teachers:t{i}:InputPrice=0.002", $"--Teachers:t{i}:OutputPrice=0.01", $"--Teachers:t{i}:RetryDelay=00:00:00.001" }),
        .. settings]);

    private static Example Row(string id, string text, string label = "") => new() { Id = id, Segments = { text }, Label = label };

    private static async Task<RationaleResult> AskAsync(RunningTeacher teacher, RationaleSpec spec, Example row) => (await AskAsync(teacher, spec, [row]))[0];

    private static async Task<List<RationaleResult>> AskAsync(RunningTeacher teacher, RationaleSpec spec, params Example[] rows) =>
        await teacher.Client.GenerateRationalesAsync(spec, rows.ToAsyncEnumerable()).Select(response => response.Result).ToListAsync();
}
