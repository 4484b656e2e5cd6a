using System.Net;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Tests.Operating;
using DistillGrpc.Student.Tests.Serving;
using DistillGrpc.Student.Tests.Wire;
using Google.Protobuf;
using Grpc.Core;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Fuzzing;

public sealed class WireFuzzTests
{
    // What a caller may be told whose bytes are damaged; UNKNOWN is none of it.
    private static readonly StatusCode[] Said = [StatusCode.OK, StatusCode.InvalidArgument, StatusCode.NotFound, StatusCode.ResourceExhausted, StatusCode.FailedPrecondition, StatusCode.Unimplemented, StatusCode.Internal];

    [Theory]
    [InlineData("Predict")]
    [InlineData("StreamPredict")]
    [InlineData("BatchPredict")]
    [InlineData("Explain")]
    [InlineData("Classify")]
    public async Task Call_FramesThatSomebodyHasDamaged_EndWithAStableCodeAndAQuietLog(string method)
    {
        var mutator = new Mutator(41);
        await using var student = await VersionedStudent.StartAsync(_ => new ScriptedEngine(_ => "yes"), new() { ["stable"] = 1 }, versions: 1);
        using var client = new HttpClient { DefaultRequestVersion = HttpVersion.Version20, DefaultVersionPolicy = HttpVersionPolicy.RequestVersionExact };
        var whole = RawCall.Frame(Message(method).ToByteArray());
        for (var round = 0; round < 150; round++)
        {
            var answer = await RawCall.SendAsync(client, student.Channel, method, [.. mutator.Damage(whole), .. method == "BatchPredict" ? mutator.Damage(whole) : []], mutator.Next(4) == 0 ? "gzip" : null);
            Assert.Contains(answer.Code, Said);
            Assert.DoesNotContain("Exception", answer.Message, StringComparison.Ordinal);
        }

        Assert.Equal("yes", (await student.Client.PredictAsync(Ask("is it?"))).Label.Text);
        Assert.Empty(student.Errors);
    }

    private static IMessage Message(string method) => method switch
    {
        "Predict" => new PredictRequest { Segments = { "is it?" }, Task = PredictionTask.Both, MaxOutputTokens = 5, Decoding = new DecodingOptions { NumBeams = 2, Seed = 3 } },
        "StreamPredict" => new StreamPredictRequest { Segments = { "is it?" }, Candidates = { "yes", "no" }, MaxOutputTokens = 5 },
        "BatchPredict" => new BatchPredictRequest { Id = "1", Request = new PredictRequest { Segments = { "is it?" }, MaxOutputTokens = 5 } },
        "Explain" => new ExplainRequest { Prediction = "predictions/0123456789abcdef0123456789abcdef", Segments = { "is it?" } },
        _ => new ClassifyRequest { Segments = { "is it?" }, Labels = { "yes", "no" }, MinProbability = 0.5 },
    };
}
