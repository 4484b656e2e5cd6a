using System.Text;
using DistillGrpc.Contracts.V1;
using Grpc.Core;
using Microsoft.Data.Sqlite;

namespace DistillGrpc.Student.Tests.Serving.Explaining;

/// <summary>How long predictions are kept, and how many; and what happens where they cannot be.</summary>
public sealed class KeptPredictionTests
{
    [Fact]
    public async Task Restart_BeforeAnythingWasWritten_LosesNothing()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        // The writer's time stands still: all of it is in memory.
        var predictions = new[] { await student.PredictAsync("one"), await student.PredictAsync("two") };
        Assert.Equal(0, student.Rows());
        await student.RestartAsync();

        foreach (var prediction in predictions)
        {
            Assert.Equal("because yes", (await student.ExplainAsync(prediction)).Answer.Text);
        }

        Assert.Equal(2, student.Rows());
    }

    [Fact]
    public async Task Explain_AfterTheRetention_IsNotFoundAndNothingOfItIsOnTheDisk()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, null, "--PredictionRetention=01:00:00");
        var since = student.Time.GetUtcNow();
        var prediction = await student.PredictAsync("a secret input");
        // Time passes while that is waited for, the more the longer it takes.
        await student.WrittenAsync(1);
        student.Time.SetUtcNow(since + TimeSpan.FromMinutes(59));
        Assert.Equal("because yes", (await student.ExplainAsync(prediction)).Answer.Text);
        student.Time.SetUtcNow(since + TimeSpan.FromMinutes(61));
        var (code, reason, text) = await student.RefusedAsync(prediction);
        await student.WrittenAsync(0);
        await student.RestartAsync();

        Assert.Equal((StatusCode.NotFound, "PREDICTION_NOT_FOUND"), (code, reason));
        Assert.Contains("1 hours", text, StringComparison.Ordinal);
        Assert.DoesNotContain("a secret input", await OnDiskAsync(student), StringComparison.Ordinal);
    }

    [Fact]
    public async Task StoreInputs_Off_KeepsAHashAndTheCallerSendsTheInputAgain()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, null, "--StoreInputs=false");
        var prediction = await student.PredictAsync("a secret input");
        await student.RestartAsync("--StoreInputs=false");
        var without = await student.RefusedAsync(prediction);
        var other = await student.RefusedAsync(new ExplainRequest { Prediction = prediction, Segments = { "a secret", " input" } });
        var explained = await student.ExplainAsync(new ExplainRequest { Prediction = prediction, Segments = { "a secret input" } });

        Assert.Equal((StatusCode.InvalidArgument, "segments"), (without.Code, without.Reason));
        Assert.Equal((StatusCode.InvalidArgument, "segments"), (other.Code, other.Reason));
        Assert.Equal("because yes", explained.Answer.Text);
        Assert.DoesNotContain("secret", await OnDiskAsync(student), StringComparison.Ordinal);
        Assert.DoesNotContain(prediction["predictions/".Length..], await OnDiskAsync(student), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Predict_MoreThanAreKept_TheOldestGoFirst()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, null, "--MaxKeptPredictions=3");
        var predictions = new List<string>();
        for (var i = 0; i < 5; i++)
        {
            predictions.Add(await student.PredictAsync($"input {i}"));
        }

        await student.WrittenAsync(3);
        await ScriptedStudent.UntilAsync(() => student.RefusedOrNull(predictions[1]) is not null);

        Assert.Equal((StatusCode.NotFound, StatusCode.NotFound), ((await student.RefusedAsync(predictions[0])).Code, (await student.RefusedAsync(predictions[1])).Code));
        foreach (var kept in predictions.Skip(2))
        {
            Assert.Equal("because yes", (await student.ExplainAsync(kept)).Answer.Text);
        }
    }

    [Fact]
    public async Task Predict_MoreBytesThanAreKept_TheOldestGoFirstAndOneThatIsTooLongIsNotKept()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer, null, "--MaxKeptPredictionBytes=1048576", "--MaxUnwrittenPredictionBytes=2000000");
        var first = await student.PredictAsync(new string('a', 400_000));
        var second = await student.PredictAsync(new string('b', 400_000));
        // In memory a character has two bytes: there is no room for a third before the disk has the first.
        var unkept = await student.PredictAsync(new string('c', 400_000));
        await student.WrittenAsync(2);
        string third;
        do
        {
            // They are on the disk a moment before there is room.
            third = await student.PredictAsync(new string('d', 400_000));
        }
        while (third.Length == 0);

        await ScriptedStudent.UntilAsync(() =>
        {
            student.Time.Advance(TimeSpan.FromMilliseconds(300));
            return student.RefusedOrNull(first) is not null;
        });

        Assert.Equal(("", ""), (unkept, await student.PredictAsync(new string('e', 600_000))));
        Assert.Equal("because yes", (await student.ExplainAsync(second)).Answer.Text);
        Assert.Equal("because yes", (await student.ExplainAsync(third)).Answer.Text);
        Assert.Equal(2, student.Rows());
    }

    [Fact]
    public async Task Retention_None_KeepsNothingAndForgetsWhatWasKept()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var prediction = await student.PredictAsync();
        await student.RestartAsync("--PredictionRetention=0");
        var (code, reason, _) = await student.RefusedAsync(prediction);

        Assert.Equal((StatusCode.NotFound, "PREDICTION_NOT_FOUND"), (code, reason));
        Assert.Empty(await student.PredictAsync());
        Assert.Empty(Directory.GetFiles(student.State, "predictions.db*"));
    }

    [Fact]
    public async Task Start_DatabaseThatIsDamaged_AnswersAndKeepsAgainWhenItIsGone()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var lost = await student.PredictAsync();
        await student.StopAsync();
        File.Delete($"{student.Database}-wal");
        await File.WriteAllTextAsync(student.Database, string.Concat(Enumerable.Repeat("this is no database. ", 1000)));
        await student.StartAgainAsync();
        var unkept = await student.Client.PredictAsync(new PredictRequest { Segments = { "x" } });
        var (code, reason, _) = await student.RefusedAsync(lost);
        File.Delete(student.Database);
        var kept = "";
        await ScriptedStudent.UntilAsync(() =>
        {
            student.Time.Advance(TimeSpan.FromSeconds(5));
            kept = student.PredictAsync().GetAwaiter().GetResult();
            return kept.Length > 0;
        });

        Assert.Equal(("yes", ""), (unkept.Label.Text, unkept.Label.Prediction));
        Assert.Equal((StatusCode.Unavailable, "PREDICTIONS_UNAVAILABLE"), (code, reason));
        Assert.Equal("because yes", (await student.ExplainAsync(kept)).Answer.Text);
    }

    [Fact]
    public async Task Predict_DatabaseThatBreaks_GoesOnAndWritesWhatItHadWhenItIsMended()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        Run(student, "DROP TABLE predictions");
        var before = await student.PredictAsync("kept in memory");
        await ScriptedStudent.UntilAsync(() =>
        {
            // Not so far that it is tried again.
            student.Time.Advance(TimeSpan.FromMilliseconds(50));
            return student.PredictAsync().GetAwaiter().GetResult().Length == 0;
        });
        Assert.Equal("because yes", (await student.ExplainAsync(before)).Answer.Text);
        student.Time.Advance(TimeSpan.FromSeconds(11));
        await ScriptedStudent.UntilAsync(() =>
        {
            student.Time.Advance(TimeSpan.FromMilliseconds(300));
            return student.PredictAsync().GetAwaiter().GetResult().Length > 0;
        });
        await student.RestartAsync();

        Assert.Equal("because yes", (await student.ExplainAsync(before)).Answer.Text);
    }

    [Fact]
    public async Task Explain_WhileSomethingIsBeingWritten_DoesNotWaitForIt()
    {
        await using var student = await ExplainedStudent.StartAsync(Answer);
        var prediction = await student.PredictAsync("one");
        await student.WrittenAsync(1);
        await using var other = new SqliteConnection($"Data Source={student.Database};Pooling=False");
        other.Open();
        await using var writing = other.BeginTransaction();
        await student.PredictAsync("two");
        // From now on the writer waits for the other's transaction, for five seconds.
        student.Time.Advance(TimeSpan.FromMilliseconds(300));
        await Task.Delay(300);
        var explaining = student.ExplainAsync(prediction);

        Assert.Same(explaining, await Task.WhenAny(explaining, Task.Delay(TimeSpan.FromSeconds(4.5))));
        Assert.Equal("because yes", (await explaining).Answer.Text);
    }

    private static string Answer(string text) => text.StartsWith("[label]", StringComparison.Ordinal) ? "yes" : "because yes";

    private static void Run(ExplainedStudent student, string sql)
    {
        using var connection = new SqliteConnection($"Data Source={student.Database};Pooling=False");
        connection.Open();
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static async Task<string> OnDiskAsync(ExplainedStudent student)
    {
        var text = new StringBuilder();
        foreach (var path in Directory.GetFiles(student.State, "predictions.db*"))
        {
            // It is open.
            await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete);
            using var reader = new StreamReader(file, Encoding.Latin1);
            text.Append(await reader.ReadToEndAsync());
        }

        return text.ToString();
    }
}
