using DistillGrpc.Teacher.Parsing;

namespace DistillGrpc.Teacher.Prompts;

/// <summary>A prompt as its YAML file writes it.</summary>
internal sealed class PromptFile
{
    /// <summary>How an exemplar answers where the file does not say.</summary>
    public const string DefaultAnswer = "{rationale} The answer is {label}.";

    /// <summary>What labels look like; default any text on one line.</summary>
    public AnswerForm Answers { get; set; }

    /// <summary>The labels that exist (<c>classification</c>).</summary>
    public List<string> Labels { get; set; } = [];

    /// <summary>The regular expression that finds <c>(?&lt;label&gt;...)</c> (<c>pattern</c>).</summary>
    public string Pattern { get; set; } = "";

    /// <summary>What the model is told first; default nothing.</summary>
    public string System { get; set; } = "";

    /// <summary>
    /// How an input is asked: <c>{input}</c> is the whole, <c>{segment1}</c>, <c>{segment2}</c>, ... its parts; <c>{label}</c> and
    /// <c>{rationale}</c> are what is claimed about it (for a prompt that judges).
    /// </summary>
    public string Question { get; set; } = "{input}";

    /// <summary>How the reason for the gold label is asked, with <c>{question}</c> and <c>{label}</c>.</summary>
    public string Rationalize { get; set; } = """
        {question}

        The correct answer is known: {label}. Say why it is correct, as if you had found it yourself. Then end in the same way as before.
        """;

    /// <summary>How an exemplar answers, with <c>{rationale}</c> and <c>{label}</c>.</summary>
    public string Answer { get; set; } = DefaultAnswer;

    /// <summary>
    /// The endpoint makes the model write a JSON object with <c>rationale</c> and <c>label</c>, which is how exemplars answer then;
    /// default text. Needs chat completions.
    /// </summary>
    public bool Structured { get; set; }

    /// <summary>Questions with their answers, shown before the input; default none.</summary>
    public List<Exemplar> Exemplars { get; set; } = [];

    /// <summary>A question with its answer.</summary>
    public sealed class Exemplar
    {
        /// <summary>The input's parts.</summary>
        public List<string> Segments { get; set; } = [];

        /// <summary>Why.</summary>
        public string Rationale { get; set; } = "";

        /// <summary>The label as the model should write it.</summary>
        public string Label { get; set; } = "";
    }
}
