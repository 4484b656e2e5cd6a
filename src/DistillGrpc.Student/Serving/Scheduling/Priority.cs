namespace DistillGrpc.Student.Serving.Scheduling;

/// <summary>Who goes first.</summary>
internal enum Priority
{
    /// <summary>Somebody waits for it.</summary>
    Interactive,

    /// <summary>One of many.</summary>
    Batch,
}
