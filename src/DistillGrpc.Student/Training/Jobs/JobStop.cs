namespace DistillGrpc.Student.Training.Jobs;

/// <summary>Why a run is to stop before its end.</summary>
internal enum JobStop
{
    /// <summary>It is not.</summary>
    None,

    /// <summary>It is paused: a checkpoint, and then nothing.</summary>
    Pause,

    /// <summary>The Student is being stopped: a checkpoint, and on with the next start.</summary>
    Shutdown,

    /// <summary>It is cancelled.</summary>
    Cancel,
}
