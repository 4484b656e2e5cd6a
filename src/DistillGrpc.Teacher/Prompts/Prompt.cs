using System.Security.Cryptography;
using System.Text;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Parsing;
using Grpc.Core;
using Microsoft.Extensions.AI;
using YamlDotNet.Core;
using YamlDotNet.Serialization;
using YamlDotNet.Serialization.NamingConventions;

namespace DistillGrpc.Teacher.Prompts;

/// <summary>
/// Few-shot chain of thought: what the model is told, the exemplars as turns of a conversation, then the input as a turn of its
/// own, so that nothing in an input can pose as another turn.
/// </summary>
internal sealed class Prompt
{
    private const string Segment = "segment";
    private const string Label = "label";
    private const string Rationale = "rationale";
    private readonly List<ChatMessage> _opening = [];
    private readonly List<(string Question, string Answer)> _exemplars = [];
    private readonly string _system;
    private readonly long _openingBytes;
    private readonly Template _question;
    private readonly Template _rationalize;
    private readonly int _segments;

    private Prompt(PromptFile file, string name, string hash)
    {
        (Name, Hash) = (name, hash);
        Format = AnswerFormat.Create(file.Answers, file.Labels, file.Pattern, file.Structured);
        ResponseFormat = file.Structured ? StructuredAnswer.FormatOf(Format) : null;
        _system = Echo.Normalized(file.System);
        _question = Field("question", file.Question);
        _rationalize = Field("rationalize", file.Rationalize);
        _segments = _question.Slots.Contains("input") ? 0 : _question.Slots.Select(SegmentNumber).Append(0).Max();
        if (_question.Slots.FirstOrDefault(slot => slot is not ("input" or Label or Rationale) && SegmentNumber(slot) == 0) is { } unknown)
        {
            throw new ArgumentException($"question: its slots are {{input}}, {{segment1}}, {{segment2}}, ..., {{label}} and {{rationale}}; it has {{{unknown}}}");
        }

        if (!_question.Slots.Any(slot => slot is not (Label or Rationale)))
        {
            throw new ArgumentException("question: it shows nothing of the input; its slots are {input}, {segment1}, {segment2}, ...");
        }

        if (!_rationalize.Slots.Order().SequenceEqual([Label, "question"]))
        {
            throw new ArgumentException("rationalize: it needs {question} and {label}, and has no other slot");
        }

        if (file.System.Length > 0)
        {
            _opening.Add(new ChatMessage(ChatRole.System, file.System.Trim()));
        }

        AddExemplars(file);
        _openingBytes = _opening.Sum(turn => (long)Encoding.UTF8.GetByteCount(turn.Text));
    }

    /// <summary><c>prompts/{id}</c>.</summary>
    public string Name { get; }

    /// <summary>SHA-256 of the file, in hexadecimal.</summary>
    public string Hash { get; }

    /// <summary>How its answers are read.</summary>
    public AnswerFormat Format { get; }

    /// <summary>What the endpoint makes the model write; null for any text.</summary>
    public ChatResponseFormat? ResponseFormat { get; }

    /// <summary>Reads a prompt's file.</summary>
    /// <param name="name"><c>prompts/{id}</c>.</param>
    /// <param name="yaml">The file.</param>
    /// <exception cref="ArgumentException">It cannot be used; the message names the field.</exception>
    public static Prompt Parse(string name, byte[] yaml)
    {
        try
        {
            var text = new UTF8Encoding(false, throwOnInvalidBytes: true).GetString(yaml);
            PromptFields.Check(text);
            var file = new DeserializerBuilder().WithNamingConvention(CamelCaseNamingConvention.Instance).Build().Deserialize<PromptFile>(text);
            return new Prompt(file ?? throw new ArgumentException("it is empty"), name, Convert.ToHexStringLower(SHA256.HashData(yaml)));
        }
        catch (YamlException damaged)
        {
            throw new ArgumentException($"line {damaged.Start.Line}: {damaged.InnerException?.Message ?? damaged.Message}", damaged);
        }
        catch (DecoderFallbackException damaged)
        {
            throw new ArgumentException("it is not UTF-8", damaged);
        }
    }

    /// <summary>The conversation that asks about an input.</summary>
    /// <exception cref="TeacherRowException">The input has not the parts that the prompt shows.</exception>
    public IReadOnlyList<ChatMessage> Render(Example input, PromptUse use = PromptUse.Ask) => [.. _opening, new ChatMessage(ChatRole.User, AskChecked(input, use))];

    /// <summary>Bytes and turns of the conversation.</summary>
    /// <exception cref="TeacherRowException">The input has not the parts that the prompt shows.</exception>
    public (long Bytes, int Turns) SizeOf(Example input, PromptUse use) => (_openingBytes + Encoding.UTF8.GetByteCount(AskChecked(input, use)), _opening.Count + 1);

    /// <summary>Tells the conversation from an answer.</summary>
    public Echo EchoOf(Example input, PromptUse use) => new(Ask(input, use), _system, _exemplars);

    /// <summary>What the conversation shows of the input besides its segments.</summary>
    public IEnumerable<string> Shown(Example input, PromptUse use) =>
        [.. Shows(Label, use) ? [input.Label] : Array.Empty<string>(), .. Shows(Rationale, use) ? [input.Rationale] : Array.Empty<string>()];

    private string AskChecked(Example input, PromptUse use)
    {
        if (_segments > 0 && input.Segments.Count != _segments)
        {
            throw new TeacherRowException(StatusCode.InvalidArgument, "INVALID_FIELD", $"input.segments: {Name} shows {_segments}, and there are {input.Segments.Count}", "input.segments");
        }

        if (Shows(Label, use) && input.Label.Length == 0)
        {
            throw new TeacherRowException(StatusCode.InvalidArgument, "INVALID_FIELD", $"input.label: {Name} shows it, and there is none", "input.label");
        }

        return Ask(input, use);
    }

    private bool Shows(string slot, PromptUse use) => _question.Slots.Contains(slot) || (use == PromptUse.Rationalize && slot == Label);

    private string Ask(Example input, PromptUse use)
    {
        var question = _question.Render(slot => slot switch
        {
            "input" => string.Join('\n', input.Segments),
            Label => input.Label,
            Rationale => input.Rationale,
            _ => input.Segments[SegmentNumber(slot) - 1],
        });
        return use == PromptUse.Ask ? question : _rationalize.Render(slot => slot == Label ? input.Label : question);
    }

    private void AddExemplars(PromptFile file)
    {
        if (file.Structured && file.Answer != PromptFile.DefaultAnswer)
        {
            throw new ArgumentException("answer: a structured prompt has none, its exemplars answer in JSON");
        }

        var answer = Field("answer", file.Answer);
        if (!answer.Slots.Order().SequenceEqual([Label, Rationale]))
        {
            throw new ArgumentException("answer: it needs {rationale} and {label}, and has no other slot");
        }

        foreach (var (exemplar, number) in file.Exemplars.Select((exemplar, i) => (exemplar, i + 1)))
        {
            if (exemplar.Segments.Count == 0 || (_segments > 0 && exemplar.Segments.Count != _segments))
            {
                throw new ArgumentException($"exemplars: number {number} has {exemplar.Segments.Count} segments, and the question shows {Math.Max(_segments, 1)}");
            }

            var said = file.Structured ? StructuredAnswer.Of(exemplar.Rationale, exemplar.Label) : answer.Render(slot => slot == Label ? exemplar.Label : exemplar.Rationale);
            // A model that answers just as it was shown must be understood.
            var (outcome, _, _) = AnswerParser.Parse(said, Format, string.Join('\n', exemplar.Segments), isCut: false);
            if (outcome != ParseOutcome.Parsed)
            {
                throw new ArgumentException($"exemplars: rationale and label cannot be read from the answer of number {number} ({outcome})");
            }

            var shown = new Example { Label = exemplar.Label, Rationale = exemplar.Rationale };
            shown.Segments.AddRange(exemplar.Segments);
            var question = Ask(shown, PromptUse.Ask);
            _exemplars.Add((Echo.Normalized(question), Echo.Normalized(said)));
            _opening.Add(new ChatMessage(ChatRole.User, question));
            _opening.Add(new ChatMessage(ChatRole.Assistant, said));
        }
    }

    private static Template Field(string field, string text)
    {
        try
        {
            return Template.Parse(text.TrimEnd());
        }
        catch (ArgumentException refused)
        {
            throw new ArgumentException($"{field}: {refused.Message}", refused);
        }
    }

    private static int SegmentNumber(string slot) =>
        slot.StartsWith(Segment, StringComparison.Ordinal) && int.TryParse(slot[Segment.Length..], out var number) && number is > 0 and <= 16 ? number : 0;
}
