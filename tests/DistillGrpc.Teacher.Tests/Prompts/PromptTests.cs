using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Parsing;
using DistillGrpc.Teacher.Prompts;
using Microsoft.Extensions.AI;

namespace DistillGrpc.Teacher.Tests.Prompts;

public sealed class PromptTests
{
    [Theory]
    [InlineData("answer")]
    [InlineData("arithmetic")]
    [InlineData("choice")]
    [InlineData("nli")]
    public void Load_PromptsThatComeAlong_ShowExemplarsThatTheirOwnParserReads(string id)
    {
        var prompt = PromptCatalog.Load("").OfSetting("Prompt", id);

        var turns = prompt.Render(prompt.Name == "prompts/nli" ? Row("a", "b") : Row("a"));

        Assert.Equal((ChatRole.System, ChatRole.User), (turns[0].Role, turns[^1].Role));
        Assert.All(turns.Where(turn => turn.Role == ChatRole.Assistant), turn => Assert.Contains("The answer is ", turn.Text, StringComparison.Ordinal));
        Assert.True(turns.Count >= 6);
    }

    [Fact]
    public void Parse_OwnPatternAndLabels_ReadWhatTheySay()
    {
        var pattern = Parse("answers: pattern\npattern: '(?s)^(?<rationale>.*)=> (?<label>\\w+)'\nanswer: '{rationale} => {label}'\nexemplars:\n- segments: [x]\n  rationale: why\n  label: yes");
        Assert.Equal(new ParsedAnswer(ParseOutcome.Parsed, "Because\nof it.", "no") { LabelAt = 18 }, AnswerParser.Parse("Because\nof it. => no\n\nQ: more => yes", pattern.Format, "", isCut: false));

        var labels = Parse("answers: classification\nlabels: [positive, very positive, negative]");
        Assert.Equal("very positive", AnswerParser.Parse("Wow. The answer is Very positive.", labels.Format, "", isCut: false).Label);
        Assert.Equal("positive", AnswerParser.Parse("Good. The answer is positive.", labels.Format, "", isCut: false).Label);
        Assert.Equal(ParseOutcome.LabelOutsideSet, AnswerParser.Parse("Hm. The answer is positively.", labels.Format, "", isCut: false).Outcome);
    }

    [Theory]
    [InlineData("question: '{name}'", "question:")]
    [InlineData("question: 'Say {input'", "question:")]
    [InlineData("question: 'Say input}'", "question:")]
    [InlineData("question: 'nothing'", "question:")]
    [InlineData("question: '{{input}}'", "question:")]
    [InlineData("question: '{segment99}'", "question:")]
    [InlineData("question: '{0} {input}'", "question:")]
    [InlineData("question: '{input:N}'", "question:")]
    [InlineData("question: '{{{input}}}}'", "question:")]
    [InlineData("question: '{in{segment1}put}'", "question:")]
    [InlineData("question: '{question}'", "question:")]
    [InlineData("rationalize: '{label}'", "rationalize:")]
    [InlineData("structured: true\nanswer: '{label} {rationale}'", "answer:")]
    [InlineData("structured: true\nanswers: pattern\npattern: '(?<label>a)'", "structured:")]
    [InlineData("structured: perhaps", "line 1")]
    [InlineData("answer: '{label}'", "answer:")]
    [InlineData("answer: '{rationale} {label} {input}'", "answer:")]
    [InlineData("answers: magic", "line 1")]
    [InlineData("anser: text", "line 1")]
    [InlineData("answers: classification", "labels:")]
    [InlineData("labels: [a]", "labels:")]
    [InlineData("answers: classification\nlabels: [a, A]", "labels:")]
    [InlineData("answers: pattern", "pattern:")]
    [InlineData("answers: pattern\npattern: '(?<label>x'", "pattern:")]
    [InlineData("answers: pattern\npattern: '(?<label>a)(?=b)'", "pattern:")]
    [InlineData("answers: pattern\npattern: 'a'", "pattern:")]
    [InlineData("exemplars:\n- segments: []", "exemplars:")]
    [InlineData("answers: equation\nexemplars:\n- segments: [x]\n  rationale: y\n  label: five", "exemplars:")]
    [InlineData("question: '{segment1} {segment2}'\nexemplars:\n- segments: [x]\n  rationale: y\n  label: z", "exemplars:")]
    [InlineData("&a [*a]", "line 1")]
    [InlineData("", "empty")]
    public void Parse_BadFile_NamesWhatIsWrong(string yaml, string named) =>
        Assert.Contains(named, Assert.Throws<ArgumentException>(() => Parse(yaml)).Message, StringComparison.Ordinal);

    [Theory]
    [InlineData("question: '{input}'\nlabel: a", "line 2: there is no field 'label'; there are answers, labels, pattern, system, question, rationalize, answer, structured, exemplars")]
    [InlineData("answers: klass", "line 1: answers: 'klass' is none of text, choice, nli, classification, equation, pattern")]
    [InlineData("structured: perhaps", "line 1: structured: 'perhaps' is none of true, false")]
    [InlineData("exemplars:\n- segments: [a]\n  labels: b", "line 3: exemplars: there is no field 'labels'; there are segments, rationale, label")]
    [InlineData("exemplars:\n- segments: a", "line 2: exemplars: segments: it is no list")]
    [InlineData("exemplars:\n- a", "line 2: exemplars: it has no fields; there are segments, rationale, label")]
    [InlineData("labels: a", "line 1: labels: it is no list")]
    [InlineData("labels: [a, {b: c}]", "line 1: labels: it is no text")]
    [InlineData("question: [a]", "line 1: question: it is no text")]
    [InlineData("system: Be brief.\nquestion:", "line 2: question: it is empty; a text may be in quotes")]
    [InlineData("labels: [yes, null]", "line 1: labels: it is empty; a text may be in quotes")]
    [InlineData("just a text", "line 1: it has no fields; there are answers, labels, pattern, system, question, rationalize, answer, structured, exemplars")]
    public void Parse_FieldThatCannotBe_IsNamedWithItsLineAndWhatThereIs(string yaml, string message) =>
        Assert.Equal(message, Assert.Throws<ArgumentException>(() => Parse(yaml)).Message);

    [Theory]
    [InlineData("system: a\nsystem: b")]
    [InlineData("system: 'a")]
    [InlineData("system: *a")]
    [InlineData("system: !what a")]
    [InlineData("system: [a")]
    public void Parse_FileThatIsNoYaml_IsRefusedWithItsLineAndNoNameOfOurs(string yaml)
    {
        var message = Assert.Throws<ArgumentException>(() => Parse(yaml)).Message;

        Assert.Matches("^line [12]: .", message);
        Assert.DoesNotContain("DistillGrpc", message, StringComparison.Ordinal);
        Assert.DoesNotContain("YamlDotNet", message, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_TextsThatLookLikeSlotsOrFormats_AreCopiedAsTheyAre()
    {
        var prompt = Parse("question: '%s %n {{0}} $1 \\1 {segment1}|{segment2}'");

        Assert.Equal("%s %n {0} $1 \\1 {segment2} {input} {{x}} %d|{segment1}\u202e\0", prompt.Render(Row("{segment2} {input} {{x}} %d", "{segment1}\u202e\0"))[^1].Text);
    }

    [Fact]
    public void Load_OwnFile_TakesThePlaceOfTheOneThatComesAlongAndBadOnesAreNamed()
    {
        using var folder = new TemporaryFolder();
        File.WriteAllText(Path.Combine(folder.Path, "nli.yaml"), "question: 'Mine: {input}'");
        Assert.Equal("Mine: a\nb", PromptCatalog.Load(folder.Path).OfSetting("Prompt", "nli").Render(Row("a", "b"))[^1].Text);

        File.WriteAllText(Path.Combine(folder.Path, "bad.yaml"), "question: '{name}'");
        Assert.Contains("'bad.yaml'", Assert.Throws<InvalidOperationException>(() => PromptCatalog.Load(folder.Path)).Message, StringComparison.Ordinal);

        File.Delete(Path.Combine(folder.Path, "bad.yaml"));
        File.WriteAllText(Path.Combine(folder.Path, "Bad Name.yaml"), "");
        Assert.Contains("'Bad Name.yaml'", Assert.Throws<InvalidOperationException>(() => PromptCatalog.Load(folder.Path)).Message, StringComparison.Ordinal);

        File.Delete(Path.Combine(folder.Path, "Bad Name.yaml"));
        File.WriteAllText(Path.Combine(folder.Path, "huge.yaml"), new string('x', 10 << 20));
        Assert.Contains("'huge.yaml'", Assert.Throws<InvalidOperationException>(() => PromptCatalog.Load(folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Render_OtherNumberOfSegments_IsRefusedNamingTheField()
    {
        var refused = Assert.Throws<TeacherRowException>(() => PromptCatalog.Load("").OfSetting("Prompt", "nli").Render(Row("only one")));
        Assert.Equal(("input.segments", "INVALID_FIELD"), (refused.Field, refused.Reason));
    }

    [Fact]
    public void Parse_ReadmesExample_IsAPrompt()
    {
        var root = new DirectoryInfo(AppContext.BaseDirectory);
        while (!File.Exists(Path.Combine(root.FullName, "DistillGrpc.sln")))
        {
            root = root.Parent!;
        }

        var readme = File.ReadAllText(Path.Combine(root.FullName, "README.md"));
        // The other example is a sweep's plan.
        var prompt = Parse(readme.Split("```yaml").Select(example => example.Split("```")[0]).Single(example => example.Contains("answers:", StringComparison.Ordinal)));

        Assert.Equal(["complaint", "praise", "question"], prompt.Format.Labels);
        Assert.Equal(4, prompt.Render(Row("Where is it?")).Count);
    }

    private static Prompt Parse(string yaml) => Prompt.Parse("prompts/test", Encoding.UTF8.GetBytes(yaml));

    private static Example Row(params string[] segments) => new() { Id = "a", Segments = { segments } };
}
