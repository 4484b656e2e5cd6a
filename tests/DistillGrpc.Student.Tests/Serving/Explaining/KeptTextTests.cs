using DistillGrpc.Contracts.V1;
using Grpc.Core;

namespace DistillGrpc.Student.Tests.Serving.Explaining;

/// <summary>What an explanation is made of: what was kept, or what the caller sends again, and never anything else.</summary>
public sealed class KeptTextTests
{
    [Fact]
    public async Task Explain_TextThatTheCallerDidNotSend_IsNotCounted()
    {
        // The label, which is explained too, has no room beside the input.
        await using var student = await ExplainedStudent.StartAsync(Answer, ExplainedStudent.Words with { ExplainsGivenLabel = true }, "--MaxInputCharacters=10");
        var prediction = await student.PredictAsync("0123456789");
        var sent = await student.ExplainAsync(new ExplainRequest { Prediction = prediction, Segments = { "0123456789" } });
        await student.RestartAsync("--MaxInputCharacters=5");
        var unsent = await student.ExplainAsync(prediction);
        var (code, reason, _) = await student.RefusedAsync(new ExplainRequest { Prediction = prediction, Segments = { "0123456789" } });

        Assert.Equal(("why", "why"), (sent.Answer.Text, unsent.Answer.Text));
        Assert.Equal((StatusCode.InvalidArgument, "segments"), (code, reason));
    }

    private static string Answer(string text) => text.StartsWith("[rationale]", StringComparison.Ordinal) ? "why" : "dry";
}
