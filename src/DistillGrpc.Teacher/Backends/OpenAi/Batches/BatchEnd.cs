namespace DistillGrpc.Teacher.Backends.OpenAi.Batches;

/// <summary>How a batch ended.</summary>
internal enum BatchEnd
{
    /// <summary>All requests were worked on.</summary>
    Completed,

    /// <summary>The endpoint did not take it; nothing was worked on.</summary>
    Failed,

    /// <summary>Its time was over before all requests were worked on.</summary>
    Expired,

    /// <summary>Somebody cancelled it.</summary>
    Cancelled,
}
