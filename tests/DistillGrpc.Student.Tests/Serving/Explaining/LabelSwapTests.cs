using DistillGrpc.Client;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using Microsoft.Extensions.Logging;
using Xunit.Abstractions;

namespace DistillGrpc.Student.Tests.Serving.Explaining;

/// <summary>
/// The flag on a student that was trained for it: held-out rows with the label that it gives, of which none should be flagged (false alarms), and the same rows with another label in
/// its place while the rationale stays, of which all should be (recall). The output states both.
/// </summary>
public sealed class LabelSwapTests(ITestOutputHelper output)
{
    private static readonly string[] Feelings = ["warm", "cold", "plain"];
    private static readonly string[][] Colors = [["red", "orange", "yellow"], ["blue", "green", "violet"], ["black", "white", "grey"]];
    private static readonly string[][] Likenesses = [["fire", "the sun", "sand at noon"], ["ice", "deep water", "a winter night"], ["paper", "a stone", "an empty page"]];
    private static readonly string[] Things = ["door", "lamp", "boat", "cup", "hat", "car", "wall", "shoe", "bag", "pen"];

    [Theory]
    [InlineData("stated", LabelReading.Stated)]
    [InlineData("argued", LabelReading.Reader)]
    public async Task Explain_LabelsThatWereSwapped_AreFoundAndOwnOnesAreNot(string rationales, LabelReading reading)
    {
        var (own, swapped) = await FlagsAsync(rationales);

        output.WriteLine($"{rationales}: of {swapped.Count} swapped labels {Share(swapped, ConsistencyVerdict.Disagrees)} are flagged (recall); of {own.Count} own labels {Share(own, ConsistencyVerdict.Disagrees)} are (false alarms), {Share(own, ConsistencyVerdict.Unknown)} are unknown.");
        Assert.Equal((27, 54), (own.Count, swapped.Count));
        Assert.InRange(Count(own, ConsistencyVerdict.Disagrees), 0, 1);
        Assert.InRange(Count(swapped, ConsistencyVerdict.Disagrees), 49, 54);
        Assert.InRange(Count(own, ConsistencyVerdict.Agrees), 24, 27);
        Assert.All(swapped, flag => Assert.Equal(reading, flag.Reading));
    }

    [Fact]
    public async Task Explain_RationalesInWordsThatTheStudentHasNeverRead_AreUnknownAndNotGuessed()
    {
        var (own, swapped) = await FlagsAsync("foreign");

        output.WriteLine($"foreign: of {swapped.Count} swapped labels {Share(swapped, ConsistencyVerdict.Disagrees)} are flagged (recall); of {own.Count} own labels {Share(own, ConsistencyVerdict.Disagrees)} are (false alarms), {Share(own, ConsistencyVerdict.Unknown)} are unknown.");
        Assert.InRange(Count(own, ConsistencyVerdict.Disagrees), 0, 1);
        Assert.InRange(Count(own, ConsistencyVerdict.Unknown), 24, 27);
    }

    private static async Task<(List<Consistency> Own, List<Consistency> Swapped)> FlagsAsync(string rationales)
    {
        using var folder = new TemporaryFolder();
        await using var app = StudentHost.Create(["--Listen=http://127.0.0.1:0", $"--StateDirectory={folder.Path}"], builder => builder.Logging.ClearProviders(), isEmbedded: true);
        await app.StartAsync();
        using var channel = DistillChannel.To(app.Address());
        var spec = new TrainingSpec { ModelId = "feelings", Preset = "micro", Steps = 120, BatchSize = 16, Seed = 1, LearningRate = 0.02 };
        await new TrainingClient(channel).TrainAsync(spec, Rows(Things[..7], rationales).ToAsyncEnumerable(), AsyncEnumerable.Empty<Example>()).ToListAsync();
        var (student, own, swapped) = (new InferenceClient(channel), new List<Consistency>(), new List<Consistency>());
        foreach (var row in Rows(Things[7..], rationales))
        {
            var given = (await student.PredictAsync(new PredictRequest { Segments = { row.Segments } })).Label;
            own.Add(await ExplainAsync(given, row));
            foreach (var other in Feelings.Where(feeling => feeling != given.Text))
            {
                // The one candidate is the answer, whatever the student thinks; its rationale knows nothing of that.
                var forced = (await student.PredictAsync(new PredictRequest { Segments = { row.Segments }, Candidates = { other } })).Label;
                swapped.Add(await ExplainAsync(forced, row));
                Assert.Equal(other, swapped[^1].LabelGiven);
            }
        }

        await app.StopAsync();
        return (own, swapped);

        async Task<Consistency> ExplainAsync(TaskAnswer label, Example row)
        {
            var parts = await student.ExplainAsync(label.Prediction).ToListAsync();
            Assert.Equal(row.Rationale, parts[^2].Answer.Text);
            return parts[^1].Consistency;
        }
    }

    // What a rationale says of a color: the label; what it is like, with the color; or that alone, in words that are in no input.
    private static IEnumerable<Example> Rows(string[] things, string rationales) =>
        from thing in things
        from feeling in Enumerable.Range(0, Feelings.Length)
        from shade in Enumerable.Range(0, Colors[feeling].Length)
        let color = Colors[feeling][shade]
        let like = $"looks like {Likenesses[feeling][shade]}"
        select new Example
        {
            Id = $"{color}-{thing}",
            Segments = { $"a {color} {thing}" },
            Label = Feelings[feeling],
            Rationale = rationales switch { "stated" => $"{color} is {Feelings[feeling]}", "argued" => $"{color} {like}", _ => $"it {like}" },
        };

    private static int Count(List<Consistency> flags, ConsistencyVerdict verdict) => flags.Count(flag => flag.Verdict == verdict);

    private static string Share(List<Consistency> flags, ConsistencyVerdict verdict) => FormattableString.Invariant($"{Count(flags, verdict)} ({(double)Count(flags, verdict) / flags.Count:0.0%})");
}
