using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Student;
using DistillGrpc.Teacher;
using DistillGrpc.Teacher.Tests.OpenAi;
using Microsoft.Extensions.Logging;

namespace DistillGrpc.EndToEnd.Tests;

public sealed class TelemetryTests
{
    [Fact]
    public async Task Train_ThroughStudentAndTeacher_IsOneTraceFromTheClientToTheBackendCall()
    {
        using var folder = new TemporaryFolder();
        await using var collector = await Collector.StartAsync();
        await using var endpoint = await ScriptedEndpoint.StartAsync(ScriptedEndpoint.Says("stop", "It is so. The answer is yes."));
        var telemetry = $"--OTEL_EXPORTER_OTLP_ENDPOINT={collector.Address}";
        await using (var teacher = TeacherHost.Create(
            ["--Listen=http://127.0.0.1:0", telemetry, $"--StateDirectory={folder.Path}/teacher", "--Teachers:gpt:Backend=openai", $"--Teachers:gpt:Endpoint={endpoint.Address}", "--Teachers:gpt:Model=m"],
            builder => builder.Logging.ClearProviders()))
        await using (var student = await StartAsync(teacher, telemetry, folder))
        using (var channel = DistillChannel.To(student.Address()))
        {
            var spec = new TrainingSpec { ModelId = "traced", Preset = "micro", Steps = 1, Teacher = new TeacherSource() };
            await new TrainingClient(channel).TrainAsync(spec, new[] { new Example { Id = "1", Label = "yes", Segments = { "Is it so?" } } }.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();
            await new InferenceClient(channel).PredictAsync(new PredictRequest { Segments = { "Is it so?" }, Task = PredictionTask.Both, MaxOutputTokens = 2 });
        }

        // Disposed hosts have sent what they had.
        var backendCall = Assert.Single(collector.Spans.Values, span => span.Name == "POST" && Parent(span)?.Name == "teach");
        var chain = new List<(string Name, ulong Kind)>();
        for (var span = backendCall; span is not null; span = Parent(span))
        {
            Assert.Equal(backendCall.Trace, span.Trace);
            chain.Add((span.Name, span.Kind));
        }

        chain.Reverse();
        const ulong @internal = 1, server = 2, client = 3;
        // Between a gRPC client and its server lies the HTTP/2 request of the client.
        Assert.Equal(
            [("Train", client), ("POST", client), ("Train", server), ("train", @internal), ("GenerateRationales", client), ("POST", client), ("GenerateRationales", server), ("teach", client), ("POST", client)],
            chain.Select(link => (link.Name.Split('/')[^1], link.Kind)));
        var metrics = string.Concat(collector.Metrics);
        Assert.All(
            ["distill.teacher.results", "distill.teacher.answer.duration", "distill.student.answers", "distill.student.output_tokens", "distill.student.queue.depth", "distill.student.step.rows", "distill.student.step.duration", "distill.student.training.steps", "distill.student.training.runs"],
            (string name) => Assert.Contains(name, metrics, StringComparison.Ordinal));

        Collector.Span? Parent(Collector.Span span) => collector.Spans.GetValueOrDefault(span.Parent);
    }

    private static async Task<Microsoft.AspNetCore.Builder.WebApplication> StartAsync(Microsoft.AspNetCore.Builder.WebApplication teacher, string telemetry, TemporaryFolder folder)
    {
        await teacher.StartAsync();
        var student = StudentHost.Create(["--Listen=http://127.0.0.1:0", telemetry, $"--StateDirectory={folder.Path}/student", $"--Teacher={teacher.Address()}"], builder => builder.Logging.ClearProviders());
        await student.StartAsync();
        return student;
    }
}
