using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Tests.OpenAi;

public sealed class LanguageModelTests
{
    [LanguageModel.Fact]
    public async Task Answer_RealModelBehindARealServer_StreamsTextAndCountsItsTokensWhateverItSays()
    {
        using var model = await LanguageModel.StartAsync();
        await using var teacher = await RunningTeacher.StartAsync(
            "--Teachers:smol:Backend=openai", $"--Teachers:smol:Endpoint={model.Address}", "--Teachers:smol:Model=smollm2", "--Teachers:smol:Prompt=arithmetic", "--MaxInputsInFlight=2");
        var rows = Enumerable.Range(1, 3).Select(i => new Example { Id = $"{i}", Segments = { $"Tim has {i + 4} pens. He buys {i} more. How many pens does he have?" } }).ToArray();

        var responses = await teacher.Client.GenerateRationalesAsync(new RationaleSpec { StreamText = true, MaxOutputTokens = 48 }, rows.ToAsyncEnumerable()).ToListAsync();

        foreach (var row in rows)
        {
            var result = Assert.Single(responses, response => response.Result?.InputId == row.Id).Result;
            Assert.Null(result.Error);
            Assert.NotEmpty(result.RawText);
            Assert.Equal(result.RawText, string.Concat(responses.Where(response => response.Delta?.InputId == row.Id).Select(response => response.Delta.Text)));
            Assert.True(result.Usage is { InputTokens: > 50, OutputTokens: > 0 and <= 48 });
            Assert.Contains(result.Provenance.FinishReason, new[] { "stop", "length" });
            Assert.True(result.ParseOutcome != ParseOutcome.Parsed || (result.Label.Length > 0 && result.Rationale.Length > 0));
        }
    }
}
