using System.CommandLine;
using DistillGrpc.Cli.Predicting;
using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Cli.Tests.Predicting;

/// <summary>What the options of <c>distill predict</c> make of a request.</summary>
public sealed class PredictOptionsTests
{
    [Fact]
    public void Of_RationaleOptions_AreTheRationalesAlone()
    {
        var request = Of("--task", "both", "--temperature", "0.5", "--rationale-num-beams", "4", "--rationale-stop", ". ", "--rationale-prefix", "As", "--rationale-length-penalty", "0", "--check-consistency");

        Assert.Equal(new DecodingOptions { Temperature = 0.5 }, request.Decoding);
        Assert.Equal(new DecodingOptions { NumBeams = 4, Stop = { ". " }, Prefix = "As", LengthPenalty = 0 }, request.RationaleDecoding);
        Assert.True(request.CheckConsistency);
    }

    [Fact]
    public void Of_NoOptions_LeavesTheStudentsDefaults() => Assert.Equal(new PredictRequest { Task = PredictionTask.Label }, Of());

    [Theory]
    [InlineData("--rationale-top-p", "--rationale-top-p", "0.9")]
    [InlineData("--check-consistency", "--check-consistency", "--task", "rationale")]
    [InlineData("--rationale-seed", "--task", "rationale", "--rationale-seed", "1")]
    public void Of_OptionOfBothTasksWithOne_IsNamed(string named, params string[] line)
    {
        var refused = Assert.Throws<InvalidDataException>(() => Of(line));

        Assert.Equal($"{named}: is for --task both.", refused.Message);
    }

    [Fact]
    public void Streamed_EveryField_IsAskedAsWell()
    {
        var request = new PredictRequest { Model = "models/m", Task = PredictionTask.Both, Candidates = { "yes" }, Store = false, RoutingKey = "me", CheckConsistency = true, RationaleDecoding = new DecodingOptions { TopK = 2 } };
        var streamed = PredictCommand.Streamed(request, ["a", "b"]);

        Assert.Equal(
            new StreamPredictRequest { Model = "models/m", Segments = { "a", "b" }, Task = PredictionTask.Both, Candidates = { "yes" }, Store = false, RoutingKey = "me", CheckConsistency = true, RationaleDecoding = new DecodingOptions { TopK = 2 } },
            streamed);
        Assert.Equal(PredictRequest.Descriptor.Fields.InFieldNumberOrder().Select(field => (field.Name, field.FieldNumber, field.FieldType)), StreamPredictRequest.Descriptor.Fields.InFieldNumberOrder().Select(field => (field.Name, field.FieldNumber, field.FieldType)));
    }

    private static PredictRequest Of(params string[] line)
    {
        var (command, options) = (new Command("predict"), new PredictOptions());
        options.AddTo(command);
        return options.Of(command.Parse(line));
    }
}
