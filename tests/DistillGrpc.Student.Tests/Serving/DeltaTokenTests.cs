using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Student.Models;
using static DistillGrpc.Student.Tests.Serving.ScriptedStudent;

namespace DistillGrpc.Student.Tests.Serving;

/// <summary>Pieces of a stream say of how many tokens they are, over HTTP/2; a token is a byte.</summary>
public sealed class DeltaTokenTests
{
    [Theory]
    [InlineData("00:00:00")]
    [InlineData("00:00:01")]
    public async Task StreamPredict_Deltas_SayHowManyTokensTheyAre(string interval)
    {
        await using var student = await StartAsync(_ => "It is \uD83C\uDF89 then", null, $"--StreamInterval={interval}");
        student.Engine.OnStep = _ => Thread.Sleep(1);
        var (deltas, answer) = await StreamAsync(student, AskStream("x"));

        var (text, tokens) = ("", 0);
        foreach (var delta in deltas)
        {
            (text, tokens) = (text + delta.Text, tokens + delta.Tokens);
            // Bytes that are no whole character yet have been written, too, and the end of the sequence has no text.
            Assert.InRange(tokens - Encoding.UTF8.GetByteCount(text), 0, 3);
        }

        Assert.Equal(answer.Text, text);
        Assert.InRange(answer.Usage.OutputTokens - tokens, 0, 1);
        Assert.InRange(deltas.Count, 1, interval == "00:00:01" ? 3 : 20);
    }

    [Fact]
    public async Task StreamPredict_TextThatIsHeldBackForAStopText_IsTwoTokensOfTheNext()
    {
        await using var student = await StartAsync(_ => "a. b. c", null, "--StreamInterval=00:00:00");
        using var forced = new Gate();
        using var written = new Gate();
        var (steps, parts) = (0, 0);
        // Nothing is written before the caller has what is forced, and no stop text before he has what stands before it: otherwise both may come in one.
        student.Engine.OnStep = _ => (++steps <= "a. b".Length ? forced : written).Wait();
        var request = AskStream("x");
        request.Decoding = new DecodingOptions { Stop = { ". c" }, Prefix = "a" };
        var (deltas, answer) = await StreamAsync(student, request, () => (++parts == 1 ? forced : written).Open());

        // What is forced is no token; the stop text's are.
        Assert.Equal(("a", 0), (deltas[0].Text, deltas[0].Tokens));
        Assert.Equal(("a. b", 6L), (answer.Text, answer.Usage.OutputTokens));
        Assert.Equal(3, deltas.Sum(delta => delta.Tokens));
    }

    [Fact]
    public async Task StreamPredict_AnswerThatComesAtOnce_HasAllItsTokens()
    {
        await using var student = await StartAsync(_ => "yes");
        var candidates = AskStream("x");
        candidates.Candidates.AddRange(["no", "yes"]);
        var beams = AskStream("x");
        beams.Decoding = new DecodingOptions { NumBeams = 2 };

        foreach (var request in new[] { candidates, beams })
        {
            var (deltas, answer) = await StreamAsync(student, request);
            Assert.Equal((4, 4L), (Assert.Single(deltas).Tokens, answer.Usage.OutputTokens));
        }
    }

    [Fact]
    public async Task StreamPredict_OneText_TellsTheTokensOfEachTaskApart()
    {
        await using var student = await StartAsync(_ => "It rains.[label] yes", new ModelCard { Form = PredictionForm.RationaleThenLabel });
        var parts = await student.Client.StreamPredictAsync(AskStream("x", PredictionTask.Both)).ToListAsync();

        Assert.Equal("It rains.".Length, TokensOf(PredictionTask.Rationale));
        Assert.InRange(TokensOf(PredictionTask.Label), "yes".Length, "yes".Length + 1);

        int TokensOf(PredictionTask task) => parts.Where(part => part.Delta?.Task == task).Sum(part => part.Delta.Tokens);
    }

    [Fact]
    public async Task StreamPredict_AnswerThatWasKept_HasTheTokensOfTheFirstTime()
    {
        await using var student = await StartAsync(_ => "yes", null, "--ResponseCacheBytes=100000");
        await StreamAsync(student, AskStream("x"));
        var (deltas, answer) = await StreamAsync(student, AskStream("x"));

        Assert.Equal((true, 4), (answer.Cached, Assert.Single(deltas).Tokens));
    }

    private static async Task<(List<AnswerDelta> Deltas, TaskAnswer Answer)> StreamAsync(ScriptedStudent student, StreamPredictRequest request, Action? onPart = null)
    {
        var parts = new List<StreamPredictResponse>();
        await foreach (var part in student.Client.StreamPredictAsync(request))
        {
            parts.Add(part);
            onPart?.Invoke();
        }

        return ([.. parts.SkipLast(1).Select(part => part.Delta)], parts[^1].Answer);
    }
}
