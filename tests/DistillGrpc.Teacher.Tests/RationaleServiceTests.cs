using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Symbolic;
using Grpc.Core;
using Grpc.Health.V1;

namespace DistillGrpc.Teacher.Tests;

public sealed class RationaleServiceTests
{
    private const string Problem = "Mia has 37 apples. Tom has 12 apples. Mia gives 14 apples to Tom. Mia gets 3 bags with 8 apples each. How many apples does Mia have now?";

    [Fact]
    public async Task GenerateRationales_ManyInputs_GiveOneResultEachWithTheSolversEquation()
    {
        await using var teacher = await RunningTeacher.StartAsync();
        var problems = new ProblemGenerator(7);
        var inputs = Enumerable.Range(0, 300).Select(i => Row($"{i}", problems.Next())).ToArray();

        var results = await Results(teacher, new RationaleSpec(), inputs);

        Assert.Equal(inputs.Select(input => input.Id).Order(), results.Select(result => result.InputId).Order());
        Assert.All(results, result =>
        {
            Assert.True(ProblemSolver.TrySolve(inputs.Single(input => input.Id == result.InputId).Segments[0], out var solution, out _));
            Assert.Equal((ParseOutcome.Parsed, solution.Equation, solution.Rationale), (result.ParseOutcome, result.Label, result.Rationale));
            Assert.Equal("teachers/symbolic", result.Provenance.Teacher);
        });
    }

    [Fact]
    public async Task GenerateRationales_TextAsked_StreamsTheWholeRawTextBeforeTheResult()
    {
        await using var teacher = await RunningTeacher.StartAsync();
        var text = "";

        await foreach (var response in teacher.Client.GenerateRationalesAsync(new RationaleSpec { StreamText = true }, new[] { Row("a", Problem) }.ToAsyncEnumerable()))
        {
            text += response.Delta?.Text;
            if (response.Result is { } result)
            {
                Assert.Equal(text, result.RawText);
                Assert.Equal("37 - 14 + 3 * 8", result.Label);
            }
        }

        Assert.Contains("Mia gives 14 apples to Tom: 37 - 14.", text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task GenerateRationales_BadRows_AreResultsWithErrorsAndTheStreamGoesOn()
    {
        await using var teacher = await RunningTeacher.StartAsync();

        var results = await Results(teacher, new RationaleSpec(), [
            Row("", Problem), Row("empty", " "), Row("twice", Problem), Row("twice", Problem), Row("strange", "What is love?"), Row("good", Problem)]);

        Assert.Equal(6, results.Count);
        Assert.Equal(["input.id", "input.segments", "input.id", "segments"], results.Where(r => r.Error is not null).OrderBy(r => r.InputId switch { "" => 0, "empty" => 1, "twice" => 2, _ => 3 }).Select(r => r.Error.Field));
        Assert.All(results.Where(result => result.Error is not null), result => Assert.Equal((int)StatusCode.InvalidArgument, result.Error.Code));
        Assert.Equal(ParseOutcome.Parsed, results.Single(result => result.InputId == "good").ParseOutcome);
    }

    [Theory]
    [InlineData("teachers/none", 0, StatusCode.NotFound, "TEACHER_NOT_FOUND", null)]
    [InlineData("none", 0, StatusCode.InvalidArgument, "INVALID_FIELD", "spec.teacher")]
    [InlineData("", 3, StatusCode.InvalidArgument, "INVALID_FIELD", "spec.temperature")]
    public async Task GenerateRationales_BadSpec_IsRefusedNamingTheField(string name, double temperature, StatusCode code, string reason, string? field)
    {
        await using var teacher = await RunningTeacher.StartAsync();

        var failure = await Assert.ThrowsAsync<RpcException>(() => Results(teacher, new RationaleSpec { Teacher = name, Temperature = temperature }, [Row("a", Problem)]));

        Assert.Equal((code, reason, field), (failure.StatusCode, RpcErrors.Reason(failure), RpcErrors.Field(failure)));
    }

    [Fact]
    public async Task GenerateRationales_InputsThatFail_GiveTheirFailureToTheCaller()
    {
        await using var teacher = await RunningTeacher.StartAsync();

        static async IAsyncEnumerable<Example> Inputs()
        {
            yield return Row("a", Problem);
            await Task.Yield();
            throw new InvalidDataException("line 2 is bad");
        }

        var failure = await Assert.ThrowsAsync<InvalidDataException>(async () =>
        {
            await foreach (var _ in teacher.Client.GenerateRationalesAsync(new RationaleSpec(), Inputs()))
            {
            }
        });
        Assert.Equal("line 2 is bad", failure.Message);
    }

    [Fact]
    public async Task Recorded_KnownAndUnknownInputs_GiveTheRowOrNotRecorded()
    {
        using var folder = new TemporaryFolder();
        var file = Path.Combine(folder.Path, "rows.jsonl");
        await File.WriteAllLinesAsync(file, [
            """{"id":"n1","premise":"A man sleeps.","hypothesis":"A man is awake.","label":"contradiction","llm_label":"contradiction","rationale":"Who sleeps is not awake."}""",
            """{"id":"q1","input":"2 plus  2","llm_label":"","rationale":"It is four."}"""]);
        await using var teacher = await RunningTeacher.StartAsync("--Teachers:palm:Backend=recorded", $"--Teachers:palm:Path={file}");

        var results = (await Results(teacher, new RationaleSpec(), [Row("x", "A man sleeps.", "A man is awake."), Row("y", "2 plus 2"), Row("z", "A man sleeps. A man is awake.")]))
            .ToDictionary(result => result.InputId);

        Assert.Equal(("contradiction", "Who sleeps is not awake."), (results["x"].Label, results["x"].Rationale));
        Assert.Equal(ParseOutcome.NoLabel, results["y"].ParseOutcome);
        Assert.Equal("NOT_RECORDED", results["z"].Error.Reason);
    }

    [Fact]
    public void Create_BadConfiguration_NamesTheSetting()
    {
        Assert.Contains("Teachers:x:Backend", Assert.Throws<InvalidOperationException>(() => TeacherHost.Create(["--Teachers:x:Backend=magic"])).Message, StringComparison.Ordinal);
        Assert.Contains("Teachers:x:Path", Assert.Throws<InvalidOperationException>(() => TeacherHost.Create(["--Teachers:x:Backend=recorded", "--Teachers:x:Path=none"])).Message, StringComparison.Ordinal);
        Assert.Contains("Listen", Assert.Throws<InvalidOperationException>(() => TeacherHost.Create(["--Listen=somewhere"])).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("distill.v1.TeacherService")]
    public async Task Health_StartedTeacher_IsServing(string service)
    {
        await using var teacher = await RunningTeacher.StartAsync();
        var health = new Health.HealthClient(teacher.Channel);

        var watch = health.Watch(new HealthCheckRequest { Service = service });
        while (await watch.ResponseStream.MoveNext(CancellationToken.None) && watch.ResponseStream.Current.Status != HealthCheckResponse.Types.ServingStatus.Serving)
        {
        }

        Assert.Equal(HealthCheckResponse.Types.ServingStatus.Serving, watch.ResponseStream.Current.Status);
        Assert.Equal("teachers/symbolic", Assert.Single(await teacher.Client.ListTeachersAsync()).Name);
    }

    private static Example Row(string id, params string[] segments)
    {
        var example = new Example { Id = id };
        example.Segments.AddRange(segments);
        return example;
    }

    private static async Task<List<RationaleResult>> Results(RunningTeacher teacher, RationaleSpec spec, Example[] inputs) =>
        await teacher.Client.GenerateRationalesAsync(spec, inputs.ToAsyncEnumerable()).Where(response => response.Result is not null).Select(response => response.Result).ToListAsync();
}
