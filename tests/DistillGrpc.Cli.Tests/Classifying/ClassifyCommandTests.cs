using System.Text.Json;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Grpc.Core;

namespace DistillGrpc.Cli.Tests.Classifying;

public sealed class ClassifyCommandTests
{
    [Fact]
    public async Task Classify_Options_ReachTheStudentAndItsAnswerIsPrinted()
    {
        var service = new FakeStudent();
        await using var student = await FakeServices.StartAsync(service);

        var (code, output, error) = await Distill.RunAsync(
            "classify", "mine", "It rains.", "Is it wet?", "--labels", "yes, no", "--label", "yes, perhaps", "--top-k", "2", "--min-probability", "0.9", "--escalate", "--teacher", "teachers/gpt", "--prompt", "prompts/p",
            "--given-rationale", "So.", "--temperature", "2", "--student", $"{student.Address()}");
        var json = await Distill.RunAsync("classify", "models/mine@canary", "It rains.", "--json", "--student", $"{student.Address()}");

        Assert.Equal((0, ""), (code, error));
        Assert.Equal("yes (the Teacher's answer: the student is not sure enough; kept to be learnt from)\nRain wets.\n  0.6000  no\n  0.4000  yes\nmodels/mine/versions/1, calibrated (temperature 2.5)\n", output);
        Assert.Equal(
            new ClassifyRequest
            {
                Model = "models/mine",
                Segments = { "It rains.", "Is it wet?" },
                Labels = { "yes", "no", "yes, perhaps" },
                TopK = 2,
                MinProbability = 0.9,
                Escalation = new Escalation { Teacher = "teachers/gpt", Prompt = "prompts/p" },
                GivenRationale = "So.",
                Temperature = 2,
            },
            service.Asked[0]);
        Assert.Equal(new ClassifyRequest { Model = "models/mine@canary", Segments = { "It rains." } }, service.Asked[1]);
        using var parsed = JsonDocument.Parse(json.Output);
        Assert.Equal("ANSWERED_BY_TEACHER", parsed.RootElement.GetProperty("answeredBy").GetString());
    }

    [Fact]
    public async Task Classify_NoAnswer_SaysWhyAndShowsTheProbabilities()
    {
        var service = new FakeStudent { Response = new ClassifyResponse { Model = "models/m/versions/2", AnsweredBy = AnsweredBy.Nobody, EscalationError = new RowError { Message = "The Teacher cannot be reached." }, Temperature = 1, InputTruncated = true, Labels = { new LabelProbability { Label = "no", Probability = 1 } } } };
        await using var student = await FakeServices.StartAsync(service);

        var (code, output, _) = await Distill.RunAsync("classify", "m", "x", "--student", $"{student.Address()}");

        Assert.Equal(0, code);
        Assert.Equal("(no answer: the student is not sure enough. The Teacher cannot be reached.)\n  1.0000  no\nmodels/m/versions/2, not calibrated for these labels (temperature 1); the input was cut\n", output);
    }

    [Fact]
    public async Task Classify_FieldThatIsRefused_NamesTheOption()
    {
        var service = new FakeStudent { Refusal = RpcFailure.InvalidArgument("labels[3]", "is nothing that the model can write") };
        await using var student = await FakeServices.StartAsync(service);

        var (code, _, error) = await Distill.RunAsync("classify", "m", "x", "--student", $"{student.Address()}");

        Assert.Equal(1, code);
        Assert.StartsWith("error: --label: labels[3]: is nothing that the model can write", error, StringComparison.Ordinal);
    }

    private sealed class FakeStudent : InferenceService.InferenceServiceBase
    {
        public List<ClassifyRequest> Asked { get; } = [];

        public RpcException? Refusal { get; init; }

        public ClassifyResponse Response { get; init; } = new()
        {
            Model = "models/mine/versions/1",
            AnsweredBy = AnsweredBy.Teacher,
            Label = "yes",
            Rationale = "Rain wets.",
            Kept = true,
            Calibrated = true,
            Temperature = 2.5,
            Labels = { new LabelProbability { Label = "no", Probability = 0.6 }, new LabelProbability { Label = "yes", Probability = 0.4 } },
        };

        public override Task<ClassifyResponse> Classify(ClassifyRequest request, ServerCallContext context)
        {
            Asked.Add(request);
            return Refusal is null ? Task.FromResult(Response) : throw Refusal;
        }
    }
}
