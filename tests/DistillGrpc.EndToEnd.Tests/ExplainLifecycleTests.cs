using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>Predictions that can be explained after their Student was killed, or its disk was full.</summary>
public sealed class ExplainLifecycleTests
{
    [Fact]
    public async Task Explain_StudentKilledWhenTheAnswerWasWritten_StillKnowsWhy()
    {
        using var state = new TemporaryFolder();
        string before, kept;
        using (var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}"))
        {
            using var channel = DistillChannel.To(student.Address);
            await TrainAsync(channel);
            kept = (await AskAsync(channel)).Label.Prediction;
            before = await WhyAsync(channel, kept);
            await WaitUntilAsync(() => Task.FromResult(RowsIn(state.Path) == 1));
            student.Kill();
        }

        using (var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}"))
        {
            using var channel = DistillChannel.To(student.Address);
            await WaitUntilAsync(async () => (await AskAsync(channel)).Label is not null);

            Assert.Equal(before, await WhyAsync(channel, kept));
        }
    }

    [SmallDiskFact]
    public async Task Predict_DiskThatIsFull_AnswersAndKeepsNothingUntilThereIsRoom()
    {
        using var state = new TemporaryFolder();
        using var student = await ServiceProcess.StudentOnSmallDiskAsync(40_000, state.Path, $"--StateDirectory={state.Path}");
        using var channel = DistillChannel.To(student.Address);
        await TrainAsync(channel);
        var kept = (await AskAsync(channel)).Label.Prediction;
        var filling = student.Inside(Path.Combine(state.Path, "filling"));
        await FillAsync(filling);
        // What was free in the database's own files is used up first.
        await WaitUntilAsync(async () => (await AskAsync(channel)).Label is { Text: not null, Prediction: "" });
        var refusedOrKept = await WhyAsync(channel, kept);
        File.Delete(filling);
        await WaitUntilAsync(async () => (await AskAsync(channel)).Label.Prediction.Length > 0);

        Assert.NotEmpty(kept);
        Assert.NotNull(refusedOrKept);
    }

    private static long RowsIn(string state)
    {
        using var connection = new SqliteConnection($"Data Source={Path.Combine(state, "predictions.db")};Mode=ReadOnly;Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT COUNT(*) FROM predictions";
        return (long)command.ExecuteScalar()!;
    }

    private static async Task FillAsync(string path)
    {
        await using var file = new FileStream(path, FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        var block = new byte[4096];
        try
        {
            while (true)
            {
                await file.WriteAsync(block);
            }
        }
        catch (IOException)
        {
            // Full.
        }
    }

    private static async Task WaitUntilAsync(Func<Task<bool>> condition)
    {
        var until = DateTime.UtcNow.AddSeconds(60);
        while (!await TryAsync())
        {
            Assert.True(DateTime.UtcNow < until, "It did not come to pass.");
            await Task.Delay(20);
        }

        async Task<bool> TryAsync()
        {
            try
            {
                return await condition();
            }
            catch (RpcException early) when (early.StatusCode is StatusCode.Unavailable or StatusCode.NotFound or StatusCode.FailedPrecondition)
            {
                return false;
            }
        }
    }

    private static async Task TrainAsync(ChannelBase channel)
    {
        var rows = Enumerable.Range(0, 20).Select(i => new Example { Id = $"{i}", Label = i % 2 == 0 ? "yes" : "no", Rationale = $"{i} is so.", Segments = { $"Question {i}?" } });
        var spec = new TrainingSpec { ModelId = "x", Preset = "micro", Steps = 2, Seed = 1 };
        await new TrainingClient(channel).TrainAsync(spec, rows.ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();
    }

    private static Task<PredictResponse> AskAsync(ChannelBase channel) => new InferenceClient(channel).PredictAsync(new PredictRequest { Model = "models/x", Segments = { new string('x', 2000) }, MaxOutputTokens = 4 });

    private static async Task<string> WhyAsync(ChannelBase channel, string prediction)
    {
        var parts = await new InferenceClient(channel).ExplainAsync(new ExplainRequest { Prediction = prediction, MaxOutputTokens = 8 }, null).ToListAsync();
        Assert.NotNull(parts[^1].Consistency);
        return parts[^2].Answer.Text;
    }
}
