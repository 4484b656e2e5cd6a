namespace DistillGrpc.Cli.Tests;

public sealed class OptionErrorTests
{
    [Theory]
    [InlineData("teach --budget abc", "--budget: 'abc' is not a number such as 1.5.")]
    [InlineData("teach --budget 5,5", "--budget: '5,5' is not a number such as 1.5.")]
    [InlineData("jobs resume x --budget 1,000", "--budget: '1,000' is not a number such as 1.5.")]
    [InlineData("savings --machine-price 0,1", "--machine-price: '0,1' is not a number such as 1.5.")]
    [InlineData("jobs report x --examples many", "--examples: 'many' is not a whole number that fits.")]
    public async Task Option_OfAnotherType_IsOneLineThatNamesItAndWhatItTakes(string line, string expected)
    {
        var (code, output, error) = await Distill.RunAsync(line.Split(' '));

        Assert.Equal((1, "", $"error: {expected}\n"), (code, output, error));
    }

    [Theory]
    [InlineData("teach --policy most", "--policy", "fallback")]
    [InlineData("train", "--id", "required")]
    [InlineData("teach --bugdet 1", "--bugdet", "")]
    public async Task Option_ThatIsWrong_IsOneLineThatNamesIt(string line, string name, string expected)
    {
        var (code, output, error) = await Distill.RunAsync(line.Split(' '));

        Assert.Equal((1, "", 1), (code, output, error.Count(c => c == '\n')));
        Assert.StartsWith("error: ", error, StringComparison.Ordinal);
        Assert.Contains(name, error, StringComparison.Ordinal);
        Assert.Contains(expected, error, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("teech --data x", "'teech' is no command; there are quickstart, prompts, teach, ")]
    [InlineData("jobs stop x", "'stop' is no command; there are list, get, watch, pause, resume, cancel, delete, report.")]
    public async Task Command_ThatThereIsNot_IsNamedWithThoseThereAre(string line, string expected)
    {
        var (code, output, error) = await Distill.RunAsync(line.Split(' '));

        Assert.Equal((1, "", 1), (code, output, error.Count(c => c == '\n')));
        Assert.StartsWith($"error: {expected}", error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Command_WithoutVerb_ShowsHelp() => Assert.Contains("resume", (await Distill.RunAsync("jobs")).Output, StringComparison.Ordinal);
}
