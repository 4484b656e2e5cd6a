using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student.Models;
using Grpc.Core;
using Microsoft.Extensions.Time.Testing;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving.Classifying;

/// <summary>What a student is not sure of, and a Teacher that answers, refuses, hangs, or is not there.</summary>
public sealed class EscalationTests : IAsyncLifetime
{
    private static readonly ModelCard Card = new() { Labels = ["no", "yes"], Teacher = "teachers/own", Prompt = "prompts/own" };
    private readonly FakeTeacher _teacher = new();

    public Task InitializeAsync() => _teacher.StartAsync();

    public async Task DisposeAsync() => await _teacher.DisposeAsync();

    [Fact]
    public async Task Escalate_StudentNotSure_IsTheTeachersAnswerAsTheSetHasIt()
    {
        await using var student = await StartAsync();
        _teacher.Answer = _ => new RationaleResult { Label = "No.", Rationale = "It is dry.", Usage = new Usage { InputTokens = 9 }, Provenance = new Provenance { Teacher = "teachers/own", Model = "m" } };

        var found = await student.Client.ClassifyAsync("", ["is", "it?"], minProbability: 1, escalate: true);

        Assert.Equal((AnsweredBy.Teacher, "no", "It is dry.", false), (found.AnsweredBy, found.Label, found.Rationale, found.Kept));
        Assert.Equal(("m", 9, null), (found.Provenance.Model, found.TeacherUsage.InputTokens, found.EscalationError));
        Assert.Equal(["yes", "no"], found.Labels.Select(label => label.Label));
        var (spec, input) = Assert.Single(_teacher.Asked);
        Assert.Equal(("teachers/own", "prompts/own"), (spec.Teacher, spec.Prompt));
        Assert.Equal(["is", "it?"], input.Segments);
        Assert.Equal("", input.Label);
    }

    [Fact]
    public async Task Escalate_TeacherNamed_IsAskedInsteadOfTheVersionsOwn()
    {
        await using var student = await StartAsync();

        await student.Client.ClassifyAsync(Request(new Escalation { Teacher = "teachers/other" }));

        Assert.Equal(("teachers/other", ""), (_teacher.Asked.Single().Spec.Teacher, _teacher.Asked.Single().Spec.Prompt));
    }

    [Fact]
    public async Task Escalate_StudentSure_AsksNobody()
    {
        await using var student = await StartAsync();

        var found = await student.Client.ClassifyAsync("", ["x"], minProbability: 0.5, escalate: true);

        Assert.Equal((AnsweredBy.Student, "yes"), (found.AnsweredBy, found.Label));
        Assert.Empty(_teacher.Asked);
    }

    [Theory]
    [InlineData("maybe", "LABEL_OUTSIDE_SET")]
    [InlineData("", "NO_LABEL")]
    public async Task Escalate_AnswerThatIsNoLabel_LeavesItOpenAndKeepsNothing(string label, string reason)
    {
        await using var student = await StartAsync("--KeepEscalated=true");
        _teacher.Answer = _ => new RationaleResult { Label = label, Rationale = "So." };

        var found = await student.Client.ClassifyAsync(Request(new Escalation()));

        Assert.Equal((AnsweredBy.Nobody, "", reason, false), (found.AnsweredBy, found.Label, found.EscalationError.Reason, found.Kept));
        Assert.Equal(2, found.Labels.Count);
    }

    [Fact]
    public async Task Escalate_TeacherThatRefuses_SaysWhyInTheAnswer()
    {
        await using var student = await StartAsync();
        _teacher.Answer = _ => throw RpcFailure.ResourceExhausted("BUDGET_EXHAUSTED", "The budget is spent.", TimeSpan.Zero);
        var call = await student.Client.ClassifyAsync(Request(new Escalation()));
        _teacher.Answer = _ => new RationaleResult { Error = new RowError { Code = (int)StatusCode.NotFound, Reason = "NOT_RECORDED", Message = "None." } };
        var row = await student.Client.ClassifyAsync(Request(new Escalation()));

        Assert.Equal((AnsweredBy.Nobody, (int)StatusCode.ResourceExhausted, "BUDGET_EXHAUSTED", "The budget is spent."), (call.AnsweredBy, call.EscalationError.Code, call.EscalationError.Reason, call.EscalationError.Message));
        Assert.Equal((AnsweredBy.Nobody, "NOT_RECORDED"), (row.AnsweredBy, row.EscalationError.Reason));
    }

    [Fact]
    public async Task Escalate_TeacherThatIsAwayOrNone_LeavesItOpen()
    {
        await using var none = await ScriptedStudent.StartAsync(new ScriptedEngine(_ => "yes"), Card);
        var unnamed = await none.Client.ClassifyAsync(Request(new Escalation()));
        await _teacher.StopAsync();
        await using var student = await StartAsync();
        var away = await student.Client.ClassifyAsync(Request(new Escalation()), DateTime.UtcNow.AddSeconds(20));

        Assert.Equal((AnsweredBy.Nobody, "NO_TEACHER"), (unnamed.AnsweredBy, unnamed.EscalationError.Reason));
        Assert.Equal((AnsweredBy.Nobody, "TEACHER_UNAVAILABLE"), (away.AnsweredBy, away.EscalationError.Reason));
        Assert.Equal(2, away.Labels.Count);
    }

    [Theory]
    [InlineData("01:00:00", true)]
    [InlineData("00:00:00.3", false)]
    public async Task Escalate_TeacherThatHangs_IsLeftBeforeTheCallerGoes(string timeout, bool byDeadline)
    {
        var time = new FakeTimeProvider(DateTimeOffset.UtcNow);
        await using var student = await ScriptedStudent.StartAsync(new ScriptedEngine(_ => "yes"), Card, null, time, [_teacher.Setting, $"--EscalationTimeout={timeout}"]);
        _teacher.Hangs = true;

        var asking = student.Client.ClassifyAsync(Request(new Escalation()), DateTime.UtcNow.AddSeconds(60));
        await UntilAsync(() => _teacher.Asked.Count == 1);
        // Half a second before the caller goes by the Student's count, which is the wall clock's: on that he has a minute.
        time.SetUtcNow(byDeadline ? student.Deadlines.Single().AddSeconds(-0.5) : time.GetUtcNow() + TimeSpan.Parse(timeout));
        var found = await asking;

        Assert.Equal((AnsweredBy.Nobody, (int)StatusCode.DeadlineExceeded, "TEACHER_LATE"), (found.AnsweredBy, found.EscalationError.Code, found.EscalationError.Reason));
        Assert.Equal(2, found.Labels.Count);
        await student.IdleAsync();
        await UntilAsync(() => _teacher.Left == 1);
    }

    [Fact]
    public async Task Escalate_CallerThatGoes_LeavesTheTeacher()
    {
        await using var student = await StartAsync();
        _teacher.Hangs = true;
        using var stop = new CancellationTokenSource();

        var asking = student.Client.ClassifyAsync(Request(new Escalation()), stop.Token);
        await UntilAsync(() => _teacher.Asked.Count == 1);
        await stop.CancelAsync();

        Assert.Equal(StatusCode.Cancelled, (await Assert.ThrowsAsync<RpcException>(() => asking)).StatusCode);
        await UntilAsync(() => _teacher.Left == 1);
    }

    [Fact]
    public async Task Keep_AnswersOfTheTeacher_AreADatasetWhenCollectedEachInputOnce()
    {
        await using var student = await StartAsync("--KeepEscalated=true", "--MaxEscalatedRows=3");
        var datasets = new DatasetClient(student.Channel);
        _teacher.Answer = input => new RationaleResult { Label = "yes", Rationale = $"{input.Segments[0]} is so.", Provenance = new Provenance { Teacher = "teachers/own" }, Verdict = new Verdict { Accepted = input.Segments[0] != "unfit" } };
        async Task AssertKeptAsync(string text, bool expected) => Assert.Equal(expected, (await student.Client.ClassifyAsync("", [text], minProbability: 1, escalate: true)).Kept);
        // One comes twice, one is not fit to be learnt from, and there is room for three.
        foreach (var (text, isKept) in new[] { ("a", true), ("b", true), ("a", true), ("unfit", false), ("c", true), ("d", false) })
        {
            await AssertKeptAsync(text, isKept);
        }

        var dataset = await datasets.CollectEscalationsAsync("models/scripted", "unsure");
        var rows = await datasets.ReadAsync(dataset.Name).ToListAsync();
        var none = await Assert.ThrowsAsync<RpcException>(() => datasets.CollectEscalationsAsync("models/scripted"));
        var wrong = await Assert.ThrowsAsync<RpcException>(() => datasets.CollectEscalationsAsync("scripted"));

        Assert.Equal(("unsure", 3, "models/scripted"), (dataset.DisplayName, dataset.Rows, dataset.Origin.Escalation.Model));
        Assert.Equal(["a", "b", "c"], rows.Select(row => row.Segments.Single()));
        Assert.All(rows, row => Assert.Equal(("", "yes", $"{row.Segments[0]} is so.", "teachers/own"), (row.Label, row.TeacherLabel, row.Rationale, row.Teaching.Provenance.Teacher)));
        Assert.Equal((StatusCode.FailedPrecondition, "NO_ESCALATED_ROWS"), (none.StatusCode, RpcErrors.Reason(none)));
        Assert.Equal("model", RpcErrors.Field(wrong));
        await AssertKeptAsync("a", true);
    }

    private Task<ScriptedStudent> StartAsync(params string[] settings) =>
        ScriptedStudent.StartAsync(new ScriptedEngine(_ => "yes"), Card, [_teacher.Setting, .. settings]);

    private static ClassifyRequest Request(Escalation escalation) => new() { Segments = { "x" }, MinProbability = 1, Escalation = escalation };
}
