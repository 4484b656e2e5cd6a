using System.Diagnostics;
using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Backends.Student;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;
using Grpc.Core;

namespace DistillGrpc.Teacher.Tests.Student;

public sealed class StudentTeacherTests
{
    private static readonly Func<ServerCallContext, Task<PredictResponse>> Good = _ => Task.FromResult(Response("no", "He sleeps."));

    [Fact]
    public async Task Answer_BothTasks_AreOneAnswerWithTheSumOfTheirUsage()
    {
        await using var student = await ScriptedStudent.StartAsync(Good);
        await using var teacher = await Teacher(student);

        var result = Assert.Single(await Ask(teacher, new RationaleSpec { MaxOutputTokens = 33 }, "Is he awake?"));

        Assert.Equal((ParseOutcome.Parsed, "He sleeps.", "no", "He sleeps. The answer is no."), (result.ParseOutcome, result.Rationale, result.Label, result.RawText));
        Assert.Equal((18, 6, 0), (result.Usage.InputTokens, result.Usage.OutputTokens, result.Usage.CostNanos));
        Assert.Equal(("teachers/t5", "models/m", "", "stop"), (result.Provenance.Teacher, result.Provenance.Model, result.Provenance.Prompt, result.Provenance.FinishReason));
        var (request, _) = Assert.Single(student.Calls);
        Assert.Equal(("models/m", PredictionTask.Both, 33, 0, "Is he awake?"), (request.Model, request.Task, request.MaxOutputTokens, request.TopLogProbabilities, Assert.Single(request.Segments)));
        var listed = Assert.Single(await teacher.Client.ListTeachersAsync());
        Assert.Equal(("student", "models/m", ""), (listed.Backend, listed.Model, listed.DefaultPrompt));
    }

    [Theory]
    [InlineData("", "He sleeps.", false, ParseOutcome.NoLabel, "He sleeps.")]
    [InlineData("no", "", false, ParseOutcome.EmptyRationale, "The answer is no.")]
    [InlineData("no", "He sle", true, ParseOutcome.Truncated, "He sle The answer is no.")]
    public async Task Answer_WithoutATaskOrCut_HasItsOutcome(string label, string rationale, bool isCut, ParseOutcome outcome, string raw)
    {
        await using var student = await ScriptedStudent.StartAsync(_ => Task.FromResult(Response(label, rationale, isCut)));
        await using var teacher = await Teacher(student);

        var result = Assert.Single(await Ask(teacher, new RationaleSpec(), "x"));

        Assert.Equal((outcome, raw, isCut ? "length" : "stop"), (result.ParseOutcome, result.RawText, result.Provenance.FinishReason));
    }

    [Fact]
    public async Task Answer_Streamed_ArrivesWhileTheStudentIsStillWriting()
    {
        var answer = Response("no", "He sleeps.");
        var heard = new TaskCompletionSource();
        await using var student = await ScriptedStudent.StartAsync(Good);
        student.OnStream = async stream =>
        {
            await stream.WriteAsync(new StreamPredictResponse { Answer = answer.Label });
            await stream.WriteAsync(new StreamPredictResponse { Delta = new AnswerDelta { Task = PredictionTask.Rationale, Text = "He " } });
            // Nothing more is written before the Teacher's caller has this.
            await heard.Task.WaitAsync(TimeSpan.FromSeconds(60));
            await stream.WriteAsync(new StreamPredictResponse { Delta = new AnswerDelta { Task = PredictionTask.Rationale, Text = "sleeps." } });
            await stream.WriteAsync(new StreamPredictResponse { Answer = answer.Rationale });
        };
        await using var teacher = await Teacher(student);

        var deltas = new List<string>();
        await foreach (var response in teacher.Client.GenerateRationalesAsync(new RationaleSpec { StreamText = true }, new[] { new Example { Id = "0", Segments = { "x" } } }.ToAsyncEnumerable()))
        {
            if (response.Delta is { } delta)
            {
                deltas.Add(delta.Text);
                heard.TrySetResult();
            }
            else
            {
                Assert.Equal("He sleeps. The answer is no.", response.Result.RawText);
            }
        }

        Assert.Equal(["He ", "sleeps.", " The answer is no."], deltas);
    }

    [Fact]
    public async Task Answer_LogProbabilitiesAsked_AreThoseOfTheLabel()
    {
        await using var student = await ScriptedStudent.StartAsync(Good);
        using var backend = new StudentBackend(Options(student), TimeProvider.System);

        var answer = await backend.AnswerAsync(new Example { Segments = { "x" } }, Query() with { TopLogProbabilities = 3 }, null, CancellationToken.None);

        Assert.Equal(3, Assert.Single(student.Calls).Request.TopLogProbabilities);
        Assert.Equal(" no", Assert.Single(Assert.Single(answer.Tokens).Tokens).Token);
    }

    [Fact]
    public async Task Answer_Rationalization_IsRefusedWithoutACall()
    {
        await using var student = await ScriptedStudent.StartAsync(Good);
        using var backend = new StudentBackend(Options(student), TimeProvider.System);

        var refused = await Assert.ThrowsAsync<TeacherRowException>(async () =>
            await backend.AnswerAsync(new Example { Segments = { "x" }, Label = "no" }, Query() with { Use = PromptUse.Rationalize }, null, CancellationToken.None));

        Assert.Equal("TEACHER_CANNOT_RATIONALIZE", refused.Reason);
        Assert.Empty(student.Calls);
    }

    [Fact]
    public async Task Answer_StudentThatIsBusy_IsAskedAgainAfterTheTimeThatItSays()
    {
        var busy = Fails(RpcFailure.ResourceExhausted("QUEUE_FULL", "busy", TimeSpan.FromMilliseconds(300)));
        await using var student = await ScriptedStudent.StartAsync(busy, busy, Good);
        await using var teacher = await Teacher(student);
        var started = Stopwatch.GetTimestamp();

        var result = Assert.Single(await Ask(teacher, new RationaleSpec(), "x"));

        Assert.Equal("no", result.Label);
        Assert.Equal(3, student.Calls.Count);
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromMilliseconds(590), TimeSpan.FromSeconds(30));
    }

    [Fact]
    public async Task Answer_StudentThatIsBusyForLongerThanThereIsTime_IsThatRowsErrorAtOnce()
    {
        await using var student = await ScriptedStudent.StartAsync(Fails(RpcFailure.ResourceExhausted("QUEUE_FULL", "busy", TimeSpan.FromMinutes(5))));
        await using var teacher = await Teacher(student, "--Teachers:t5:Timeout=00:00:20");

        var result = Assert.Single(await Ask(teacher, new RationaleSpec(), "x"));

        Assert.Equal(((int)StatusCode.Unavailable, "TEACHER_THROTTLED"), (result.Error.Code, result.Error.Reason));
        Assert.Single(student.Calls);
    }

    [Theory]
    [InlineData(StatusCode.NotFound, StatusCode.FailedPrecondition, "TEACHER_NOT_THERE")]
    [InlineData(StatusCode.FailedPrecondition, StatusCode.FailedPrecondition, "TEACHER_NOT_THERE")]
    [InlineData(StatusCode.Unauthenticated, StatusCode.FailedPrecondition, "TEACHER_DENIED")]
    [InlineData(StatusCode.Unavailable, StatusCode.Unavailable, "TEACHER_UNREACHABLE")]
    public async Task Answer_EverythingFails_EndsTheCall(StatusCode said, StatusCode expected, string reason)
    {
        await using var student = await ScriptedStudent.StartAsync(Fails(RpcFailure.Of(said, "WHY", "secret")));
        await using var teacher = await Teacher(student);

        var failure = await Assert.ThrowsAsync<RpcException>(() => Ask(teacher, new RationaleSpec(), "x"));

        Assert.Equal((expected, reason, expected == StatusCode.Unavailable), (failure.StatusCode, RpcErrors.Reason(failure), RpcErrors.RetryDelay(failure) is not null));
        Assert.DoesNotContain("secret", failure.Status.Detail, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("segments", "TEACHER_REFUSED_INPUT", "The teacher's Student refuses this input (segments).")]
    [InlineData("a secret!", "TEACHER_REFUSED_INPUT", "The teacher's Student refuses this input.")]
    public async Task Answer_InputThatIsRefused_IsThatRowsErrorAndTheOthersGoOn(string field, string reason, string message)
    {
        await using var student = await ScriptedStudent.StartAsync(Fails(RpcFailure.InvalidArgument(field, "secret")), Good);
        await using var teacher = await Teacher(student, "--MaxInputsInFlight=1");

        var results = await Ask(teacher, new RationaleSpec(), "x", "y");

        Assert.Equal(((int)StatusCode.InvalidArgument, reason, message), (results[0].Error.Code, results[0].Error.Reason, results[0].Error.Message));
        Assert.Equal("no", results[1].Label);
    }

    [Theory]
    [InlineData(StatusCode.ResourceExhausted, "TEACHER_REFUSED_INPUT")]
    [InlineData(StatusCode.Internal, "TEACHER_FAILED")]
    public async Task Answer_InputThatFails_IsThatRowsErrorAfterOneCall(StatusCode said, string reason)
    {
        await using var student = await ScriptedStudent.StartAsync(Fails(RpcFailure.Of(said, "WHY", "secret")));
        await using var teacher = await Teacher(student);

        Assert.Equal(reason, Assert.Single(await Ask(teacher, new RationaleSpec(), "x")).Error.Reason);
        Assert.Single(student.Calls);
    }

    [Fact]
    public async Task Answer_DeadlineOfTheCaller_ReachesTheStudent()
    {
        await using var student = await ScriptedStudent.StartAsync(Good);
        await using var teacher = await Teacher(student);
        var deadline = DateTime.UtcNow.AddSeconds(40);

        var call = new TeacherService.TeacherServiceClient(teacher.Channel).GenerateRationales(deadline: deadline);
        await call.RequestStream.WriteAsync(new GenerateRationalesRequest { Spec = new RationaleSpec() });
        await call.RequestStream.WriteAsync(new GenerateRationalesRequest { Input = new Example { Id = "1", Segments = { "x" } } });
        await call.RequestStream.CompleteAsync();
        Assert.True(await call.ResponseStream.MoveNext(CancellationToken.None));

        Assert.InRange(Assert.Single(student.Calls).Deadline, deadline.AddSeconds(-20), deadline.AddSeconds(20));
    }

    [Fact]
    public async Task Answer_StudentThatTakesTooLong_TimesOut()
    {
        await using var student = await ScriptedStudent.StartAsync(async context =>
        {
            await Task.Delay(Timeout.Infinite, context.CancellationToken);
            return new PredictResponse();
        });
        await using var teacher = await Teacher(student, "--Teachers:t5:Timeout=00:00:00.3");

        Assert.Equal("TEACHER_TIMEOUT", Assert.Single(await Ask(teacher, new RationaleSpec(), "x")).Error.Reason);
    }

    [Fact]
    public async Task Answer_Cancelled_ReachesTheStudent()
    {
        var (begun, stopped) = (new TaskCompletionSource(), new TaskCompletionSource());
        await using var student = await ScriptedStudent.StartAsync(async context =>
        {
            context.CancellationToken.Register(stopped.SetResult);
            begun.SetResult();
            await stopped.Task;
            return new PredictResponse();
        });
        await using var teacher = await Teacher(student);
        using var stop = new CancellationTokenSource();

        var call = teacher.Client.GenerateRationalesAsync(new RationaleSpec(), new[] { new Example { Id = "1", Segments = { "x" } } }.ToAsyncEnumerable(), stop.Token).ToListAsync(stop.Token).AsTask();
        await begun.Task;
        await stop.CancelAsync();

        await Assert.ThrowsAnyAsync<Exception>(() => call);
        await stopped.Task.WaitAsync(TimeSpan.FromSeconds(60));
        Assert.Single(student.Calls);
    }

    [Fact]
    public async Task Answer_ManyInputs_AreNeverMoreCallsAtOnceThanAllowed()
    {
        var (now, most) = (0, 0);
        await using var student = await ScriptedStudent.StartAsync(async context =>
        {
            most = Math.Max(most, Interlocked.Increment(ref now));
            await Task.Delay(20);
            Interlocked.Decrement(ref now);
            return await Good(context);
        });
        await using var teacher = await Teacher(student, "--Teachers:t5:MaxConcurrency=3");

        Assert.All(await Ask(teacher, new RationaleSpec(), [.. Enumerable.Range(0, 30).Select(i => $"x{i}")]), result => Assert.Equal("no", result.Label));
        Assert.Equal(3, most);
    }

    [Theory]
    [InlineData("--Teachers:t5:Address=", "Teachers:t5:Address")]
    [InlineData("--Teachers:t5:Address=ftp://x", "Teachers:t5:Address")]
    [InlineData("--Teachers:t5:Address=http://user:word@x", "Teachers:t5:Address")]
    [InlineData("--Teachers:t5:Model=", "Teachers:t5:Model")]
    [InlineData("--Teachers:t5:Model=m", "Teachers:t5:Model")]
    [InlineData("--Teachers:t5:MaxConcurrency=0", "Teachers:t5:MaxConcurrency")]
    [InlineData("--Teachers:t5:Timeout=00:00:00", "Teachers:t5:Timeout")]
    public void Create_BadSetting_NamesIt(string setting, string named)
    {
        using var state = new TemporaryFolder();
        var refused = Assert.Throws<InvalidOperationException>(() => TeacherHost.Create([.. Settings("http://127.0.0.1:9"), $"--StateDirectory={state.Path}", setting]));

        Assert.StartsWith(named, refused.Message, StringComparison.Ordinal);
    }

    private static Func<ServerCallContext, Task<PredictResponse>> Fails(RpcException failure) => _ => throw failure;

    private static PredictResponse Response(string label, string rationale, bool isCut = false) => new()
    {
        Model = "models/m",
        Label = new TaskAnswer
        {
            Task = PredictionTask.Label,
            Text = label,
            FinishReason = FinishReason.EndOfSequence,
            Usage = new Usage { InputTokens = 8, OutputTokens = 2 },
            Tokens = { new TokenPosition { Tokens = { new TokenLogProbability { Token = " no", LogProbability = -0.1 } } } },
        },
        Rationale = new TaskAnswer
        {
            Task = PredictionTask.Rationale,
            Text = rationale,
            FinishReason = isCut ? FinishReason.Length : FinishReason.EndOfSequence,
            Usage = new Usage { InputTokens = 10, OutputTokens = 4 },
        },
    };

    private static string[] Settings(string address) => ["--Teachers:t5:Backend=student", $"--Teachers:t5:Address={address}", "--Teachers:t5:Model=models/m"];

    private static StudentOptions Options(ScriptedStudent student) => StudentOptions.Of("t5", new TeacherEntry { Address = student.Address, Model = "models/m" });

    private static RationaleQuery Query() => new(null, 0, 0, DateTimeOffset.MaxValue, new CallBudget(0));

    private static Task<RunningTeacher> Teacher(ScriptedStudent student, params string[] settings) => RunningTeacher.StartAsync([.. Settings(student.Address), .. settings]);

    private static async Task<List<RationaleResult>> Ask(RunningTeacher teacher, RationaleSpec spec, params string[] inputs) => await teacher.Client
        .GenerateRationalesAsync(spec, inputs.Select((text, i) => new Example { Id = $"{i}", Segments = { text } }).ToAsyncEnumerable())
        .Select(response => response.Result)
        .ToListAsync();
}
