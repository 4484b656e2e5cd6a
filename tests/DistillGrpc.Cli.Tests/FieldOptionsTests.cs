namespace DistillGrpc.Cli.Tests;

public sealed class FieldOptionsTests
{
    [Theory]
    [InlineData("spec.teacher", "--name")]
    [InlineData("spec.rationales.teachers[1].teacher", "--name")]
    [InlineData("spec.rationales.quality.judge_prompt", "--judge-prompt")]
    [InlineData("extraction_id", "--job")]
    [InlineData("decoding.temperature", "--temperature")]
    [InlineData("rationale_decoding.top_p", "--rationale-top-p")]
    [InlineData("rationale_decoding.no_repeat_ngram_size", "--rationale-no-repeat-ngram")]
    [InlineData("rationale_decoding.unheard_of", null)]
    [InlineData("candidates[3]", "--candidate")]
    [InlineData("spec.stopping.reports", null)]
    public void Of_Field_IsTheOptionThatSetsIt(string field, string? expected) => Assert.Equal(expected, FieldOptions.Of(field));
}
