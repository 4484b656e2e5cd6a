namespace DistillGrpc.Teacher.Parsing;

/// <summary>What a task's labels look like.</summary>
internal enum AnswerForm
{
    /// <summary>Any text on one line.</summary>
    Text,

    /// <summary>One of the input's options, <c>(a) first</c>, <c>(b) second</c>; the label is the option's text.</summary>
    Choice,

    /// <summary><c>entailment</c>, <c>neutral</c> or <c>contradiction</c>.</summary>
    Nli,

    /// <summary>One of the labels that the prompt lists.</summary>
    Classification,

    /// <summary>Numbers and signs.</summary>
    Equation,

    /// <summary>What the prompt's own regular expression finds.</summary>
    Pattern,
}
