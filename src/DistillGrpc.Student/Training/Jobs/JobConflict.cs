namespace DistillGrpc.Student.Training.Jobs;

/// <summary>What of another job is in the way of a new one.</summary>
internal enum JobConflict
{
    /// <summary>Nothing: it is new, or the same request's.</summary>
    None,

    /// <summary>It has the id.</summary>
    Id,

    /// <summary>It has the request id, and another spec.</summary>
    Request,

    /// <summary>It makes the same model, and has not ended.</summary>
    Model,
}
