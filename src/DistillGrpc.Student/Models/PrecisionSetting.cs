namespace DistillGrpc.Student.Models;

/// <summary>What the operator has versions answered in, where the engine for processors answers.</summary>
internal enum PrecisionSetting
{
    /// <summary>Int8 where a version's check has passed, else float32.</summary>
    Auto,

    /// <summary>Float32, whatever the check says.</summary>
    Float32,

    /// <summary>Int8, whatever the check says, also where there is none.</summary>
    Int8,
}
