using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using Grpc.Core;

namespace DistillGrpc.Student.Tests.Serving.Explaining;

/// <summary>What an explanation is made of: what was kept, or what the caller sends again, and never anything else.</summary>
public sealed class KeptTextTests
{
    private const string Reason = "It rains secretly.";
    private static readonly ModelCard FromRationale = new() { Form = PredictionForm.LabelFromRationale, Labels = ["dry", "wet"] };

    [Fact]
    public async Task StoreInputs_Off_TheRationaleThatTheLabelWasReadFromIsSentAgainAndNoOtherIsTaken()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, FromRationale, "--StoreInputs=false");
        var prediction = await PredictAsync(student);
        await student.RestartAsync("--StoreInputs=false");
        var without = await student.RefusedAsync(new ExplainRequest { Prediction = prediction, Segments = { "out?" } });
        var other = await student.RefusedAsync(new ExplainRequest { Prediction = prediction, Segments = { "out?" }, GivenRationale = "It snows." });
        var otherInput = await student.RefusedAsync(new ExplainRequest { Prediction = prediction, Segments = { "in?" }, GivenRationale = Reason });
        var (_, answer, consistency) = await student.ExplainAsync(new ExplainRequest { Prediction = prediction, Segments = { "out?" }, GivenRationale = Reason });

        Assert.Equal((StatusCode.InvalidArgument, "given_rationale"), (without.Code, without.Reason));
        Assert.Equal((StatusCode.InvalidArgument, "given_rationale"), (other.Code, other.Reason));
        Assert.Equal((StatusCode.InvalidArgument, "segments"), (otherInput.Code, otherInput.Reason));
        Assert.Equal((Reason, ConsistencyVerdict.Agrees), (answer.Text, consistency.Verdict));
        Assert.DoesNotContain("secretly", await OnDiskAsync(student), StringComparison.Ordinal);
    }

    [Fact]
    public async Task StoreInputs_On_AnotherRationaleThanTheKeptOneIsRefused()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, FromRationale);
        var prediction = await PredictAsync(student);
        var other = await student.RefusedAsync(new ExplainRequest { Prediction = prediction, GivenRationale = "It snows." });
        var same = await student.ExplainAsync(new ExplainRequest { Prediction = prediction, GivenRationale = Reason });

        Assert.Equal((StatusCode.InvalidArgument, "given_rationale"), (other.Code, other.Reason));
        Assert.Equal(Reason, same.Answer.Text);
    }

    [Fact]
    public async Task Explain_ModelThatReadsNoRationale_RefusesOne()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var (code, reason, _) = await student.RefusedAsync(new ExplainRequest { Prediction = await student.PredictAsync(), GivenRationale = Reason });

        Assert.Equal((StatusCode.FailedPrecondition, "NO_GIVEN_RATIONALE"), (code, reason));
    }

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

    private static string Answer(string text) => text.StartsWith("[rationale]", StringComparison.Ordinal) ? "why" : text.Contains("rains", StringComparison.Ordinal) ? "wet" : "dry";

    private static async Task<string> PredictAsync(ExplainedStudent student) =>
        (await student.Client.PredictAsync(new PredictRequest { Segments = { "out?" }, GivenRationale = Reason })).Label.Prediction;

    private static async Task<string> OnDiskAsync(ExplainedStudent student)
    {
        await student.StopAsync();
        return string.Concat(Directory.GetFiles(student.State, "predictions.db*").Select(path => Encoding.Latin1.GetString(File.ReadAllBytes(path))));
    }
}
