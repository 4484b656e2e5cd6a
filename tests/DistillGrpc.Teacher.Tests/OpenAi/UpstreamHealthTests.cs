using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends.OpenAi;
using DistillGrpc.Teacher.Tests.Extractions;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using static DistillGrpc.Teacher.Tests.OpenAi.ScriptedEndpoint;

namespace DistillGrpc.Teacher.Tests.OpenAi;

public sealed class UpstreamHealthTests
{
    private readonly FakeTimeProvider _time = new(new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero));
    private readonly Heard _log = new();

    [Fact]
    public void Trouble_FailuresInARowForAWhile_IsSaidWithItsBeginningAndLoggedNowAndThen()
    {
        var health = new UpstreamHealth("teachers/gpt", _time, _log);
        health.Failed(UpstreamFailure.CutStream());
        health.Failed(UpstreamFailure.CutStream());
        _time.Advance(TimeSpan.FromSeconds(6));
        Assert.Null(health.Trouble);

        health.Failed(UpstreamFailure.TimedOut());
        health.Failed(UpstreamFailure.TimedOut());

        Assert.Equal(("TEACHER_TIMEOUT", new DateTimeOffset(2026, 1, 2, 3, 4, 5, TimeSpan.Zero)), (health.Trouble!.Reason, health.Trouble.Since.ToDateTimeOffset()));
        var warning = Assert.Single(_log.Lines);
        Assert.Equal((LogLevel.Warning, "teachers/gpt has not answered since 2026-01-02 03:04:05Z, and is tried again: TEACHER_TIMEOUT, The teacher did not answer in time."), (warning.Level, warning.Message));
        _time.Advance(TimeSpan.FromMinutes(6));
        health.Failed(UpstreamFailure.TimedOut());
        Assert.Equal(2, _log.Lines.Count);

        health.Answered();
        Assert.Null(health.Trouble);
        Assert.Equal("teachers/gpt answers again, after 00:06:06.", _log.Lines[^1].Message);
    }

    [Fact]
    public void Trouble_FailuresBetweenAnswers_IsNone()
    {
        var health = new UpstreamHealth("teachers/gpt", _time, _log);
        for (var i = 0; i < 100; i++)
        {
            health.Failed(UpstreamFailure.CutStream());
            health.Failed(UpstreamFailure.CutStream());
            _time.Advance(TimeSpan.FromSeconds(10));
            health.Answered();
        }

        Assert.Null(health.Trouble);
        Assert.Empty(_log.Lines);
    }

    [Fact]
    public async Task Extraction_EndpointThatAlwaysThrottles_IsSaidByTheExtractionItsWatchersAndTheTeacher()
    {
        var isMended = false;
        await using var endpoint = await StartAsync(context => (isMended ? Says("stop", "It is so. The answer is yes.") : Refuses(429, "{}", ("Retry-After", "1")))(context));
        await using var teacher = await RunningTeacher.StartAsync("--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m", "--Teachers:gpt:Prompt=answer");
        var jobs = new Jobs(teacher);
        await jobs.CreateAsync("down", new RationaleSpec());
        await jobs.AppendAsync("down", [new Example { Id = "1", Segments = { "Is it so?" } }, new Example { Id = "2", Segments = { "Is it not?" } }, new Example { Id = "3", Segments = { "Was it?" } }]);

        var told = new List<string>();
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(60));
        await foreach (var happened in new DistillGrpc.Client.ExtractionClient(teacher.Channel).WatchAsync("extractions/down", 0, RowFilter.All, follow: true, patience.Token))
        {
            if (happened.Extraction?.Reason == "TEACHER_THROTTLED" && !isMended)
            {
                told.Add(happened.Extraction.Message);
                var now = await jobs.GetAsync("down");
                Assert.Equal((ExtractionState.Running, "TEACHER_THROTTLED"), (now.State, now.Reason));
                var listed = Assert.Single((await new TeacherService.TeacherServiceClient(teacher.Channel).ListTeachersAsync(new ListTeachersRequest())).Teachers);
                Assert.Equal("TEACHER_THROTTLED", listed.Trouble.Reason);
                isMended = true;
            }
        }

        Assert.StartsWith("teachers/gpt has not answered since ", Assert.Single(told), StringComparison.Ordinal);
        Assert.Equal((ExtractionState.Succeeded, ""), ((await jobs.GetAsync("down")).State, (await jobs.GetAsync("down")).Reason));
    }

    private sealed class Heard : ILogger
    {
        public List<(LogLevel Level, string Message)> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) => Lines.Add((logLevel, formatter(state, exception)));
    }
}
