using System.Collections.Concurrent;
using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;
using Microsoft.AspNetCore.Builder;

namespace DistillGrpc.Cli.Tests.Classifying;

/// <summary>Whole files of rows whose labels are weighed: as those of <c>distill predict</c>, they are gone on with.</summary>
public sealed class ClassifyFileTests
{
    private const string Sure = """"id":"0","label":"yes","probability":0.9,"labels":[{"label":"yes","probability":0.9},{"label":"no","probability":0.1}],"abstained":false,"escalated":false}"""";

    [Fact]
    public async Task Classify_File_HasALineForEachRowAndIsGoneOnWith()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, "sure", "unsure", "away", "asked", "refused");
        var service = new WeighingService();
        await using var student = await FakeServices.StartAsync(service);
        string[] options = ["--labels", "yes,no", "--top-k", "2", "--min-probability", "0.8", "--escalate"];

        var first = await ClassifyAsync(student, [rows, answers, .. options]);
        var lines = (await File.ReadAllLinesAsync(answers)).Order().Select(line => line[29..]).ToArray();
        (service.IsTeacherAway, service.Refuses) = (false, false);
        service.Asked.Clear();
        var second = await ClassifyAsync(student, [rows, answers, .. options]);
        var other = await ClassifyAsync(student, rows, answers);

        // The Teacher was away for one row: it is not answered, and asked again with the one that was refused.
        Assert.Equal((1, "3 rows answered, 2 refused, 0 were there.\nerror: 2 of 5 rows were refused; the last one: It is not liked.\n"), (first.ExitCode, first.Error));
        Assert.Equal((0, "2 rows answered, 0 refused, 3 were there.\n"), (second.ExitCode, second.Error));
        Assert.Equal(["2", "4"], service.Asked.Select(asked => asked.Id).Order());
        Assert.Equal(new ClassifyRequest { Model = "models/mine", Segments = { "away" }, Labels = { "yes", "no" }, TopK = 2, MinProbability = 0.8, Escalation = new Escalation() }, service.Asked.Single(asked => asked.Id == "2").Request);
        Assert.Contains(Sure, lines);
        Assert.Contains(lines, line => line.Contains("""id":"1","probability":0.6""", StringComparison.Ordinal) && line.EndsWith(""""abstained":true,"escalated":false}"""", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.Contains("""id":"3","label":"no","probability":0.6""", StringComparison.Ordinal) && line.EndsWith(""""abstained":true,"escalated":true,"rationale":"So."}"""", StringComparison.Ordinal));
        Assert.Contains(lines, line => line.EndsWith(""""escalated":false,"escalation_error":"It is away."}"""", StringComparison.Ordinal));
        Assert.Contains(""""id":"4","error":"It is not liked."}"""", lines);
        Assert.Equal((1, true), (other.ExitCode, other.Error.Contains("as it was asked with another input, model or option", StringComparison.Ordinal)));
        Assert.Equal(["0", "1", "2", "3", "4"], (await File.ReadAllLinesAsync(answers)).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("id").GetString()).Order());
    }

    [Fact]
    public async Task Classify_WholeResponses_AreGoneOnWithToo()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, "sure", "away");
        var service = new WeighingService();
        await using var student = await FakeServices.StartAsync(service);

        var first = await ClassifyAsync(student, rows, answers, "--json");
        service.IsTeacherAway = false;
        var second = await ClassifyAsync(student, rows, answers, "--json");
        var found = (await File.ReadAllLinesAsync(answers)).Select(line => JsonDocument.Parse(line).RootElement.GetProperty("classification").GetProperty("label").GetString());

        Assert.Equal((1, 0, "1 rows answered, 0 refused, 1 were there.\n"), (first.ExitCode, second.ExitCode, second.Error));
        Assert.Equal(["yes", "no"], found);
    }

    [Fact]
    public async Task Classify_TeacherThatThereIsNone_EndsTheRunAtOnce()
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, "none", "none");
        await using var student = await FakeServices.StartAsync(new WeighingService());

        var (code, _, error) = await ClassifyAsync(student, rows, answers, "--min-probability", "0.8", "--escalate");
        var both = await Distill.RunAsync("classify", "mine", "text", "--in", rows, "--student", $"{student.Address()}");

        Assert.Equal((1, "error: There is no teacher. (NotFound, TEACHER_NOT_FOUND)\n"), (code, error));
        Assert.Equal("error: --in: name rows, or give a text, not both.\n", both.Error);
        Assert.Equal("", await File.ReadAllTextAsync(answers));
    }

    [Theory]
    [InlineData("unknown teacher", "It must look like teachers/{id}. (InvalidArgument, INVALID_FIELD)")]
    [InlineData("absent", "There is no model. (NotFound, MODEL_NOT_FOUND)")]
    public async Task Classify_WhatIsWrongForEveryRow_EndsTheRunAtOnceAndNamesNoOptionThatThereIsNot(string input, string expected)
    {
        using var folder = new TemporaryFolder();
        var (rows, answers) = Files(folder, input, input);
        await using var student = await FakeServices.StartAsync(new WeighingService());

        var (code, _, error) = await ClassifyAsync(student, rows, answers, "--min-probability", "0.8", "--escalate");

        Assert.Equal((1, $"error: {expected}\n"), (code, error));
    }

    private static (string Rows, string Answers) Files(TemporaryFolder folder, params string[] inputs)
    {
        var rows = Path.Combine(folder.Path, "rows.jsonl");
        File.WriteAllLines(rows, inputs.Select((input, i) => JsonSerializer.Serialize(new { id = $"{i}", input })));
        return (rows, Path.Combine(folder.Path, "answers.jsonl"));
    }

    private static Task<(int ExitCode, string Output, string Error)> ClassifyAsync(WebApplication student, params string[] line) =>
        Distill.RunAsync(["classify", "mine", "--in", line[0], "--out", line[1], .. line[2..], "--student", $"{student.Address()}"]);

    // The input says how it is answered.
    private sealed class WeighingService : InferenceService.InferenceServiceBase
    {
        public ConcurrentBag<BatchClassifyRequest> Asked { get; } = [];

        public bool IsTeacherAway { get; set; } = true;

        public bool Refuses { get; set; } = true;

        public override async Task BatchClassify(IAsyncStreamReader<BatchClassifyRequest> requestStream, IServerStreamWriter<BatchClassifyResponse> responseStream, ServerCallContext context)
        {
            await foreach (var row in requestStream.ReadAllAsync())
            {
                Asked.Add(row);
                var input = row.Request.Segments[0];
                await responseStream.WriteAsync(input == "absent" ? new BatchClassifyResponse { Id = row.Id, Error = new RowError { Code = (int)StatusCode.NotFound, Reason = "MODEL_NOT_FOUND", Message = "There is no model." } }
                    : input == "refused" && Refuses
                    ? new BatchClassifyResponse { Id = row.Id, Error = new RowError { Code = (int)StatusCode.InvalidArgument, Field = "segments", Message = "It is not liked." } }
                    : new BatchClassifyResponse { Id = row.Id, Classification = Answer(input) });
            }
        }

        private ClassifyResponse Answer(string input)
        {
            var isSure = input is "sure" or "refused";
            var response = new ClassifyResponse { Labels = { new LabelProbability { Label = "yes", Probability = isSure ? 0.9 : 0.6 }, new LabelProbability { Label = "no", Probability = isSure ? 0.1 : 0.4 } } };
            (response.AnsweredBy, response.Label, response.Rationale) = isSure ? (AnsweredBy.Student, "yes", "")
                : input == "asked" || (input == "away" && !IsTeacherAway) ? (AnsweredBy.Teacher, "no", "So.")
                : (AnsweredBy.Nobody, "", "");
            response.EscalationError = input == "none" ? new RowError { Code = (int)StatusCode.NotFound, Reason = "TEACHER_NOT_FOUND", Message = "There is no teacher." }
                : input == "unknown teacher" ? new RowError { Code = (int)StatusCode.InvalidArgument, Reason = "INVALID_FIELD", Field = "spec.teacher", Message = "It must look like teachers/{id}." }
                : input == "away" && IsTeacherAway ? new RowError { Code = (int)StatusCode.Unavailable, Message = "It is away." }
                : null;
            return response;
        }
    }
}
