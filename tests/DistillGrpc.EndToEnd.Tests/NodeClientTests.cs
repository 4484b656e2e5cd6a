using DistillGrpc.Contracts.V1;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A client in another language, which has our protos and its own gRPC.</summary>
public sealed class NodeClientTests
{
    [NodeFact]
    public async Task Client_InJavaScript_StreamsALabelAndItsExplanation()
    {
        await InstallAsync();
        var pair = new RunningPair();
        await pair.InitializeAsync();
        try
        {
            var rows = Enumerable.Range(0, 16).Select(i => new Example { Id = $"{i}", Label = i % 2 == 0 ? "even" : "odd", Rationale = $"{i} {(i % 2 == 0 ? "is" : "is not")} twice a number.", Segments = { $"Is {i} even or odd?" } });
            await pair.Training.TrainAsync(new TrainingSpec { ModelId = "parity", Preset = "micro", Steps = 30, Mode = TrainingMode.DistillingStepByStep }, rows.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();
            var expected = await pair.Inference.PredictAsync(new PredictRequest { Model = "models/parity", Task = PredictionTask.Both, Segments = { "Is 3 even or odd?" } });

            var asked = await NodeFactAttribute.RunAsync("node", "ask.mjs", pair.StudentAddress.Authority, "models/parity", "Is 3 even or odd?");
            var refused = await NodeFactAttribute.RunAsync("node", "ask.mjs", pair.StudentAddress.Authority, "models/absent", "Is 3 even or odd?");

            Assert.Equal((0, "", $"label: {expected.Label.Text}\nrationale: {expected.Rationale.Text}\n"), (asked.ExitCode, asked.Error, asked.Output));
            Assert.Equal((1, ""), (refused.ExitCode, refused.Output));
            Assert.StartsWith("NOT_FOUND: There is no model 'models/absent'.", refused.Error, StringComparison.Ordinal);
        }
        finally
        {
            await pair.DisposeAsync();
        }
    }

    // What the lock file says, and nothing of it is run.
    private static async Task InstallAsync()
    {
        if (!NodeFactAttribute.IsInstalled)
        {
            var (code, _, error) = await NodeFactAttribute.RunAsync("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund");
            Assert.True(code == 0, error);
        }
    }
}
