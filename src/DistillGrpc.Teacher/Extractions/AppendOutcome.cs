namespace DistillGrpc.Teacher.Extractions;

/// <summary>What became of an input that was appended.</summary>
internal enum AppendOutcome
{
    /// <summary>It is new.</summary>
    Appended,

    /// <summary>It was there already.</summary>
    Present,

    /// <summary>Another one with its id was there already.</summary>
    Changed,

    /// <summary>The extraction takes no new inputs.</summary>
    Closed,
}
