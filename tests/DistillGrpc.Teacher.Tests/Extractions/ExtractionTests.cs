using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Tests.OpenAi;
using Grpc.Core;
using Microsoft.AspNetCore.Http;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.Extractions;

public sealed class ExtractionTests : IDisposable
{
    // Every answer of the endpoint uses 31 tokens in and 7 out: 31 * 2 + 7 * 10 = 132 millionths.
    private const long Cost = 132_000;
    private static readonly Func<HttpContext, Task> Good = Says("stop", "It is so. ", "The answer is yes.");
    private readonly TemporaryFolder _state = new();

    public void Dispose() => _state.Dispose();

    [Fact]
    public async Task Extraction_InputsAppended_SucceedsWithARowForEachAndTheirCost()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("night", new RationaleSpec { Tag = "team-a" });

        var appended = await jobs.AppendAsync("night", Questions(300));
        var events = await jobs.WatchAsync("night");

        Assert.Equal((300, 0, 0), (appended.Appended, appended.Present, appended.RejectedCount));
        Assert.Equal(300, events.Where(e => e.Row is not null).Select(e => e.Row.Example.Id).Distinct().Count());
        Assert.Equal(Enumerable.Range(1, 301).Select(i => (long)i), events.Select(e => e.Sequence).Where(sequence => sequence > 0).Distinct().Order());
        Assert.All(events.Where(e => e.Row is not null), e => Assert.Equal(("yes", "It is so.", true), (e.Row.Example.TeacherLabel, e.Row.Example.Rationale, e.Row.Result.Verdict.Accepted)));
        var done = events[^1].Extraction;
        Assert.Equal((ExtractionState.Succeeded, 300, 300, 0), (done.State, done.Counts.Inputs, done.Counts.Accepted, done.Counts.Rejected));
        var usage = (await jobs.GetAsync("night")).Usage;
        Assert.Equal((300 * Cost, 300 * 31, 300 * 7), (usage.CostNanos, usage.InputTokens, usage.OutputTokens));
        var accounts = (await new TeacherService.TeacherServiceClient(teacher.Channel).ListAccountsAsync(new ListAccountsRequest())).Accounts;
        Assert.Equal([("extractions/night", 300 * Cost), ("tags/team-a", 300 * Cost), ("teachers/gpt", 300 * Cost)], accounts.Select(account => (account.Name, account.Usage.CostNanos)));
        Assert.Equal(300, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Create_SameRequest_IsTheSameExtractionAndAnotherSpecIsRefused()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);
        var client = new ExtractionService.ExtractionServiceClient(teacher.Channel);
        var request = new CreateExtractionRequest { RequestId = "r1", Spec = new ExtractionSpec { Rationales = new RationaleSpec() } };

        var first = (await client.CreateExtractionAsync(request)).Extraction;
        var again = (await client.CreateExtractionAsync(request)).Extraction;
        request.Spec.Rationales.MaxOutputTokens = 9;
        var other = await Assert.ThrowsAsync<RpcException>(async () => await client.CreateExtractionAsync(request));
        var taken = await Assert.ThrowsAsync<RpcException>(async () => await client.CreateExtractionAsync(new CreateExtractionRequest { ExtractionId = first.Name["extractions/".Length..], Spec = request.Spec }));

        Assert.Equal(first.Name, again.Name);
        Assert.Equal((StatusCode.AlreadyExists, "REQUEST_ID_REUSED"), (other.StatusCode, RpcErrors.Reason(other)));
        Assert.Equal((StatusCode.AlreadyExists, "EXTRACTION_EXISTS"), (taken.StatusCode, RpcErrors.Reason(taken)));
        Assert.Single((await client.ListExtractionsAsync(new ListExtractionsRequest())).Extractions);
    }

    [Theory]
    [InlineData("", "", "spec.rationales")]
    [InlineData("No", "symbolic", "extraction_id")]
    [InlineData("ok", "teachers/none", null)]
    [InlineData("ok", "none", "spec.rationales.teacher")]
    public async Task Create_BadRequest_IsRefusedNamingTheField(string id, string name, string? field)
    {
        await using var teacher = await RunningTeacher.StartAsync();
        var client = new ExtractionService.ExtractionServiceClient(teacher.Channel);
        var spec = name.Length == 0 ? null : new ExtractionSpec { Rationales = new RationaleSpec { Teacher = name == "symbolic" ? "" : name } };

        foreach (var isCheck in new[] { true, false })
        {
            var refused = await Assert.ThrowsAsync<RpcException>(async () => await client.CreateExtractionAsync(new CreateExtractionRequest { ExtractionId = id, Spec = spec, ValidateOnly = isCheck }));
            Assert.Equal((field is null ? StatusCode.NotFound : StatusCode.InvalidArgument, field), (refused.StatusCode, RpcErrors.Field(refused)));
        }

        Assert.Empty((await client.ListExtractionsAsync(new ListExtractionsRequest())).Extractions);
    }

    [Fact]
    public async Task Append_InputsThatAreThere_ChangeNothingAndBadOnesAreReported()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(10), complete: false);

        var again = await jobs.AppendAsync("a", Questions(12).Append(Row("3", "Another?")).Append(Row("", "No id?")).Append(new Example { Id = "x" }), complete: false);
        var closed = await jobs.AppendAsync("a", Questions(12));
        var late = await Assert.ThrowsAsync<RpcException>(() => jobs.AppendAsync("a", [Row("new", "Is it?")]));

        Assert.Equal((2, 10, 3), (again.Appended, again.Present, again.RejectedCount));
        Assert.Equal([(13L, "INPUT_CHANGED", "input.id"), (14, "INVALID_FIELD", "input.id"), (15, "INVALID_FIELD", "input.segments")],
            again.Rejected.Select(rejected => (rejected.Position, rejected.Error.Reason, rejected.Error.Field)).OrderBy(rejected => rejected.Position));
        Assert.Equal((0, 12), (closed.Appended, closed.Present));
        Assert.Equal("INPUTS_COMPLETE", RpcErrors.Reason(late));
        Assert.Equal(12, (await jobs.WatchAsync("a"))[^1].Extraction.Counts.Accepted);
        Assert.Equal(12, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Budget_UsedUp_StopsAndARaisedOneGoesOn()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec { BudgetNanos = 30 * Cost });
        await jobs.AppendAsync("a", Questions(60));

        var stopped = await jobs.StateAsync("a", ExtractionState.OutOfBudget);
        Assert.Equal("BUDGET_EXHAUSTED", stopped.Reason);
        Assert.InRange(stopped.Usage.CostNanos, Cost, 30 * Cost);
        Assert.Equal(stopped.Usage.CostNanos / Cost, endpoint.Requests.Count);
        Assert.Equal(0, stopped.Counts.Rejected);

        await jobs.Client.ResumeExtractionAsync(new ResumeExtractionRequest { Name = "extractions/a", BudgetNanos = 0 });
        var done = await jobs.StateAsync("a", ExtractionState.Succeeded);
        Assert.Equal((60, 60 * Cost), (done.Counts.Accepted, done.Usage.CostNanos));
        Assert.Equal(60, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Pause_CallsUnderWay_AreFinishedAndNoOtherIsMadeUntilItIsResumed()
    {
        var release = new TaskCompletionSource();
        await using var endpoint = await StartAsync(async context =>
        {
            await release.Task;
            await Good(context);
        });
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=4");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(20));
        await WaitAsync(() => endpoint.Requests.Count == 4);

        await jobs.Client.PauseExtractionAsync(new PauseExtractionRequest { Name = "extractions/a" });
        // It looks twice a second.
        await Task.Delay(5000);
        release.SetResult();
        await WaitAsync(() => jobs.GetAsync("a").Result.Counts.Accepted == 4);
        await Task.Delay(1500);
        Assert.Equal((4, ExtractionState.Paused), (endpoint.Requests.Count, (await jobs.GetAsync("a")).State));

        await jobs.Client.ResumeExtractionAsync(new ResumeExtractionRequest { Name = "extractions/a" });
        Assert.Equal(20, (await jobs.StateAsync("a", ExtractionState.Succeeded)).Counts.Accepted);
        Assert.Equal(20, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Cancel_CallsUnderWay_AreCancelledUpstreamAndItMayBeDeleted()
    {
        var cancelled = 0;
        await using var endpoint = await StartAsync(async context =>
        {
            try
            {
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }
            catch (OperationCanceledException)
            {
                Interlocked.Increment(ref cancelled);
            }
        });
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=4");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(20));
        await WaitAsync(() => endpoint.Requests.Count == 4);
        var running = await Assert.ThrowsAsync<RpcException>(async () => await jobs.Client.DeleteExtractionAsync(new DeleteExtractionRequest { Name = "extractions/a" }));

        await jobs.Client.CancelExtractionAsync(new CancelExtractionRequest { Name = "extractions/a" });
        await WaitAsync(() => Volatile.Read(ref cancelled) == 4);
        var resumed = await Assert.ThrowsAsync<RpcException>(async () => await jobs.Client.ResumeExtractionAsync(new ResumeExtractionRequest { Name = "extractions/a" }));
        await jobs.Client.DeleteExtractionAsync(new DeleteExtractionRequest { Name = "extractions/a" });
        var gone = await Assert.ThrowsAsync<RpcException>(() => jobs.GetAsync("a"));

        Assert.Equal(("EXTRACTION_RUNNING", "EXTRACTION_STATE", StatusCode.NotFound), (RpcErrors.Reason(running), RpcErrors.Reason(resumed), gone.StatusCode));
        Assert.Equal(4, endpoint.Requests.Count);
        Assert.Equal(0, (await jobs.CreateAsync("a", new RationaleSpec())).Counts.Inputs);
    }

    [Fact]
    public async Task Watch_FromANumber_HasNoGapAndNoDuplicateWhereverItIsCut()
    {
        await using var endpoint = await StartAsync(async context =>
        {
            await Task.Delay(2);
            await Good(context);
        });
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=8");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(400));

        var (rows, after, cuts) = (new List<string>(), 0L, 0);
        for (var isOver = false; !isOver; cuts++)
        {
            using var call = jobs.Client.WatchExtraction(new WatchExtractionRequest { Name = "extractions/a", AfterSequence = after, Rows = RowFilter.All, Follow = true });
            for (var i = 0; i < 37; i++)
            {
                if (isOver = !await call.ResponseStream.MoveNext(CancellationToken.None))
                {
                    break;
                }

                var response = call.ResponseStream.Current;
                Assert.True(response.Sequence >= after);
                after = response.Sequence;
                rows.AddRange(response.Row is { } row ? [row.Example.Id] : Array.Empty<string>());
            }
        }

        Assert.True(cuts > 5, $"{cuts}");
        Assert.Equal(400, rows.Count);
        Assert.Equal(400, rows.Distinct().Count());
    }

    [Fact]
    public async Task Endpoint_ThatFailsForAWhile_LosesNoInput()
    {
        var isUp = false;
        await using var endpoint = await StartAsync(context => Volatile.Read(ref isUp) ? Good(context) : Refuses(503)(context));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=0", "--Teachers:gpt:BreakDuration=00:00:00.5", "--Teachers:gpt:BreakAfter=4");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(40));
        await WaitAsync(() => jobs.GetAsync("a").Result.Reason == "TEACHER_FAILED");
        Assert.Equal((ExtractionState.Running, 0), ((await jobs.GetAsync("a")).State, (await jobs.GetAsync("a")).Counts.Rejected));

        isUp = true;
        var done = await jobs.StateAsync("a", ExtractionState.Succeeded);

        Assert.Equal((40, 0, ""), (done.Counts.Accepted, done.Counts.Rejected, done.Reason));
    }

    [Fact]
    public async Task Key_ThatIsRefused_FailsTheExtractionAndItGoesOnWhenItIsMended()
    {
        var isGood = false;
        await using var endpoint = await StartAsync(context => Volatile.Read(ref isGood) ? Good(context) : Refuses(401)(context));
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(5));

        Assert.Equal("TEACHER_DENIED", (await jobs.StateAsync("a", ExtractionState.Failed)).Reason);
        isGood = true;
        await jobs.Client.ResumeExtractionAsync(new ResumeExtractionRequest { Name = "extractions/a" });
        Assert.Equal((5, ""), ((await jobs.StateAsync("a", ExtractionState.Succeeded)).Counts.Accepted, (await jobs.GetAsync("a")).Reason));
    }

    [Fact]
    public async Task Restart_InTheMiddle_GoesOnByItself()
    {
        var (answered, isSlow) = (0, true);
        await using var endpoint = await StartAsync(async context =>
        {
            if (Interlocked.Increment(ref answered) > 20 && Volatile.Read(ref isSlow))
            {
                await Task.Delay(Timeout.Infinite, context.RequestAborted);
            }

            await Good(context);
        });
        await using (var teacher = await Teacher(endpoint, "--MaxInputsInFlight=4", "--StopGrace=00:00:00.1"))
        {
            var jobs = new Jobs(teacher);
            await jobs.CreateAsync("a", new RationaleSpec());
            await jobs.AppendAsync("a", Questions(50));
            await WaitAsync(() => jobs.GetAsync("a").Result.Counts.Accepted == 20);
        }

        isSlow = false;
        await using var restarted = await Teacher(endpoint);
        var done = await new Jobs(restarted).StateAsync("a", ExtractionState.Succeeded);
        Assert.Equal((50, 50), (done.Counts.Inputs, done.Counts.Accepted));
        Assert.InRange(endpoint.Requests.Count, 50, 54);
    }

    [Fact]
    public async Task Priorities_OfOpenInputs_DecideWhoIsAskedFirst()
    {
        var release = new TaskCompletionSource();
        await using var endpoint = await StartAsync(async context =>
        {
            await release.Task;
            await Good(context);
        });
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=1");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(6));
        await WaitAsync(() => endpoint.Requests.Count == 1);

        using var call = jobs.Client.SetPriorities();
        await call.RequestStream.WriteAsync(new SetPrioritiesRequest { Extraction = "extractions/a" });
        foreach (var (id, priority) in new[] { ("0", 9.0), ("4", 2.0), ("2", 3.0), ("none", 1.0) })
        {
            await call.RequestStream.WriteAsync(new SetPrioritiesRequest { Priority = new InputPriority { InputId = id, Priority = priority } });
        }

        await call.RequestStream.CompleteAsync();
        var response = await call.ResponseAsync;
        release.SetResult();
        var order = (await jobs.WatchAsync("a")).Where(e => e.Row is not null).Select(e => e.Row.Example.Id);

        Assert.Equal((3, 1), (response.Changed, response.PassedOver));
        // The second was in hand already when the priorities came.
        Assert.Equal(["0", "1", "2", "4", "3", "5"], order);
    }

    [Fact]
    public async Task StoppingRule_FlatCurve_EndsTheExtraction()
    {
        await using var endpoint = await StartAsync(context => Task.Delay(Timeout.Infinite, context.RequestAborted));
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.Client.CreateExtractionAsync(new CreateExtractionRequest
        {
            ExtractionId = "a",
            Spec = new ExtractionSpec { Rationales = new RationaleSpec(), Stopping = new StoppingRule { Reports = 2, MinGain = 0.01 } },
        });
        await jobs.AppendAsync("a", Questions(5));

        var states = new List<ExtractionState>();
        foreach (var (rows, quality) in new[] { (100, 0.5), (200, 0.6), (300, 0.604), (400, 0.63), (500, 0.635), (600, 0.632) })
        {
            var reported = await jobs.Client.ReportQualityAsync(new ReportQualityRequest { Extraction = "extractions/a", Rows = rows, Quality = quality });
            states.Add(reported.Extraction.State);
        }

        Assert.Equal([ExtractionState.Running, ExtractionState.Running, ExtractionState.Running, ExtractionState.Running, ExtractionState.Running, ExtractionState.Succeeded], states);
        Assert.Equal("CURVE_FLAT", (await jobs.GetAsync("a")).Reason);
    }

    [Fact]
    public async Task Estimate_InputsSomeOfThemKept_SaysWhatTheRestWouldCost()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        var before = await jobs.EstimateAsync(new RationaleSpec(), Questions(10).Append(Row("bad")));
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(4));
        await jobs.StateAsync("a", ExtractionState.Succeeded);

        var after = await jobs.EstimateAsync(new RationaleSpec(), Questions(10));

        Assert.Equal((10, 0, 1), (before.Inputs, before.Kept, before.Refused));
        Assert.Null(before.Duration);
        Assert.Equal(10 * 10, before.Likely.OutputTokens);
        Assert.Equal((10, 4, 6 * 7, 6 * 20), (after.Inputs, after.Kept, after.Likely.OutputTokens, after.AtMost.OutputTokens));
        Assert.InRange(after.Likely.CostNanos, 6 * 70_000, after.AtMost.CostNanos);
        Assert.NotNull(after.Duration);
        Assert.Equal(4, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Report_RowsOfEveryKind_CountsEachReasonWithExamples()
    {
        await using var endpoint = await StartAsync(async context =>
        {
            var asked = AskedIn(context);
            await Says("stop", asked.Contains("refuse", StringComparison.Ordinal) ? "I'm sorry, no." : asked.Contains("open", StringComparison.Ordinal) ? "Who knows." : "It is so. The answer is yes.")(context);
        });
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec { Quality = new QualityRules { Duplicates = DuplicateRule.Exact } });
        await jobs.AppendAsync("a", [
            Row("1", "Is it one?", "yes"), Row("2", "Is it two?", "no"), Row("3", "is it ONE"), Row("4", "Will you refuse?"), Row("5", "Is it open?"), Row("6", "Is it still open?")]);
        await jobs.StateAsync("a", ExtractionState.Succeeded);

        var report = await jobs.Client.GetExtractionReportAsync(new GetExtractionReportRequest { Name = "extractions/a", Examples = 1 });

        Assert.Equal([(RejectionReason.NoLabel, 2L), (RejectionReason.Refusal, 1), (RejectionReason.Duplicate, 1)], report.Rejections.Select(reason => (reason.Reason, reason.Rows)));
        Assert.All(report.Rejections, reason => Assert.Equal(reason.Reason, Assert.Single(Assert.Single(reason.Examples).Result.Verdict.Reasons)));
        Assert.Equal("3", report.Rejections[^1].Examples[0].Example.Id);
        Assert.Single(report.AcceptedExamples);
        Assert.Equal((2, 1), (report.GoldRows, report.GoldRight));
        Assert.Equal(5, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Budget_RaisedWhileTheLastCallsAreUnderWay_IsNotUsedUp()
    {
        var release = new TaskCompletionSource();
        await using var endpoint = await StartAsync(async context =>
        {
            await release.Task;
            await Good(context);
        });
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=8");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec { BudgetNanos = 40 * Cost });
        await jobs.AppendAsync("a", Questions(4).Append(Row("big", new string('x', 20_000))));
        await WaitAsync(() => endpoint.Requests.Count == 4);

        await jobs.Client.ResumeExtractionAsync(new ResumeExtractionRequest { Name = "extractions/a", BudgetNanos = 5_000_000_000 });
        release.SetResult();

        Assert.Equal(5, (await jobs.StateAsync("a", ExtractionState.Succeeded)).Counts.Accepted);
        Assert.DoesNotContain(await jobs.WatchAsync("a"), e => e.Extraction is { State: ExtractionState.OutOfBudget });
    }

    [Fact]
    public async Task Budget_UsedUp_StillGivesWhatIsKept()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("first", new RationaleSpec());
        await jobs.AppendAsync("first", Questions(100).Skip(80));
        await jobs.StateAsync("first", ExtractionState.Succeeded);

        await jobs.CreateAsync("a", new RationaleSpec { BudgetNanos = 10 });
        await jobs.AppendAsync("a", Questions(100));

        var stopped = await jobs.StateAsync("a", ExtractionState.OutOfBudget);
        Assert.Equal((20, 0), (stopped.Counts.Accepted, stopped.Usage.CostNanos));
    }

    [Fact]
    public async Task Judge_ThatIsDownForAWhile_RejectsNothing()
    {
        var isUp = false;
        await using var endpoint = await StartAsync(context => AskedIn(context).Contains("Rationale:", StringComparison.Ordinal)
            ? (Volatile.Read(ref isUp) ? Says("stop", "Fine. The answer is sound.") : Refuses(500))(context)
            : Good(context));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=0", "--Teachers:gpt:BreakAfter=1000");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec { Quality = new QualityRules { Judge = "teachers/gpt" } });
        await jobs.AppendAsync("a", Questions(10));
        await WaitAsync(() => jobs.GetAsync("a").Result.Reason == "TEACHER_FAILED");

        isUp = true;
        Assert.Equal(10, (await jobs.StateAsync("a", ExtractionState.Succeeded)).Counts.Accepted);
        Assert.Equal(10, endpoint.Requests.Count(request => !request.Body.ToString().Contains("Rationale:", StringComparison.Ordinal)));
    }

    [Fact]
    public async Task Endpoint_ThatFailsForAWhile_KeepsTheLastInputToo()
    {
        var isUp = false;
        await using var endpoint = await StartAsync(context => Volatile.Read(ref isUp) ? Good(context) : Refuses(503)(context));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=0", "--Teachers:gpt:BreakAfter=1000", "--ExtractionTries=1");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(1));
        await WaitAsync(() => jobs.GetAsync("a").Result.Reason == "TEACHER_FAILED");

        isUp = true;
        Assert.Equal(1, (await jobs.StateAsync("a", ExtractionState.Succeeded)).Counts.Accepted);
    }

    [Fact]
    public async Task Streams_ThatAlwaysStopShort_EndAfterTheirTries()
    {
        await using var endpoint = await StartAsync(context => AskedIn(context).Contains("odd", StringComparison.Ordinal) ? Sends($"data: {Piece("Half of an ans")}\n\n")(context) : Good(context));
        await using var teacher = await Teacher(endpoint, "--Teachers:gpt:Retries=0", "--ExtractionTries=2");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", [Row("1", "odd one"), Row("2", "odd two"), Row("3", "good")]);

        var done = await jobs.StateAsync("a", ExtractionState.Succeeded);

        Assert.Equal((1, 2), (done.Counts.Accepted, done.Counts.Rejected));
        Assert.Equal(5, endpoint.Requests.Count);
    }

    [Fact]
    public async Task Append_LastInputsOfWhichOneIsRefused_StillEnds()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());

        var appended = await jobs.AppendAsync("a", [Row("1", "Is it?"), Row("", "Is it not?")]);

        Assert.Equal((1, 1), (appended.Appended, appended.RejectedCount));
        Assert.Equal(1, (await jobs.StateAsync("a", ExtractionState.Succeeded)).Counts.Accepted);
    }

    [Fact]
    public async Task Delete_ExtractionOfTheSameName_BeginsWithNothing()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint);
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec { BudgetNanos = 30 * Cost });
        await jobs.AppendAsync("a", Questions(60));
        await jobs.StateAsync("a", ExtractionState.OutOfBudget);
        await jobs.Client.DeleteExtractionAsync(new DeleteExtractionRequest { Name = "extractions/a" });

        await jobs.CreateAsync("a", new RationaleSpec { BudgetNanos = 30 * Cost });
        await jobs.AppendAsync("a", Enumerable.Range(100, 10).Select(i => Row($"{i}", $"Is it {i}?")));

        var done = await jobs.StateAsync("a", ExtractionState.Succeeded);
        Assert.Equal((10, 10 * Cost), (done.Counts.Accepted, done.Usage.CostNanos));
    }

    [Fact]
    public async Task End_OfAnExtraction_IsItsLastEvent()
    {
        var (asked, cancelled) = (0, new TaskCompletionSource());
        await using var endpoint = await StartAsync(async context =>
        {
            if (Interlocked.Increment(ref asked) > 150)
            {
                await cancelled.Task;
            }

            await Good(context);
        });
        await using var teacher = await Teacher(endpoint, "--MaxInputsInFlight=16");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("a", new RationaleSpec());
        await jobs.AppendAsync("a", Questions(2000));
        await WaitAsync(() => jobs.GetAsync("a").Result.Counts.Accepted > 100);

        await jobs.Client.CancelExtractionAsync(new CancelExtractionRequest { Name = "extractions/a" });
        cancelled.SetResult();
        await Task.Delay(1000);

        var events = await jobs.WatchAsync("a");
        Assert.Equal(ExtractionState.Cancelled, events[^1].Extraction.State);
        Assert.Equal((await jobs.GetAsync("a")).Counts.Accepted, events.Count(e => e.Row is not null));
    }

    [Fact]
    public async Task Estimate_WithAJudgeAndFallback_CountsThem()
    {
        await using var endpoint = await StartAsync(Good);
        await using var teacher = await Teacher(endpoint, "--Teachers:b:Backend=openai", $"--Teachers:b:Endpoint={endpoint.Address}", "--Teachers:b:Model=m", "--Teachers:b:InputPrice=2", "--Teachers:b:OutputPrice=10", "--DefaultTeacher=gpt");
        var jobs = new Jobs(teacher);

        var plain = await jobs.EstimateAsync(new RationaleSpec(), Questions(10));
        var judged = await jobs.EstimateAsync(new RationaleSpec { Quality = new QualityRules { Judge = "teachers/b" } }, Questions(10));
        var fallback = await jobs.EstimateAsync(new RationaleSpec { Teachers = { new TeacherShare { Teacher = "teachers/gpt" }, new TeacherShare { Teacher = "teachers/b" } }, Policy = TeacherPolicy.Fallback }, Questions(10));

        Assert.True(judged.Likely.CostNanos > plain.Likely.CostNanos && judged.AtMost.CostNanos > plain.AtMost.CostNanos);
        Assert.Equal(plain.Likely.CostNanos, fallback.Likely.CostNanos);
        Assert.True(fallback.AtMost.CostNanos > plain.AtMost.CostNanos);
        Assert.Empty(endpoint.Requests);
    }

    private Task<RunningTeacher> Teacher(ScriptedEndpoint endpoint, params string[] settings) => RunningTeacher.StartAsync([
        $"--StateDirectory={_state.Path}", "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=model-1",
        "--Teachers:gpt:MaxOutputTokens=20", "--Teachers:gpt:InputPrice=2", "--Teachers:gpt:OutputPrice=10", "--Teachers:gpt:RetryDelay=00:00:00.001", .. settings]);

    private static IEnumerable<Example> Questions(int count) => Enumerable.Range(0, count).Select(i => Row($"{i}", $"Is it {i}?"));

    private static Example Row(string id, string text = "", string label = "") => text.Length > 0 ? new() { Id = id, Segments = { text }, Label = label } : new() { Id = id };

    private static async Task WaitAsync(Func<bool> condition)
    {
        for (var i = 0; i < 1500 && !condition(); i++)
        {
            await Task.Delay(20);
        }

        Assert.True(condition());
    }
}
