namespace DistillGrpc.Cli.Predicting;

/// <summary>What an answer in a file is, and how it is written: part of what was <c>asked</c>, so that one is not taken for another.</summary>
internal enum AnswerForm : byte
{
    /// <summary>Texts alone.</summary>
    Prediction = 0,

    /// <summary>All that the Student says.</summary>
    WholePrediction = 1,

    /// <summary>A label and the probabilities.</summary>
    Classification = 2,

    /// <summary>All that the Student says.</summary>
    WholeClassification = 3,
}
