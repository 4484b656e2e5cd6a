namespace DistillGrpc.Cli.Bench;

/// <summary>A Student within this process.</summary>
/// <param name="Engine">What its engine is called.</param>
/// <param name="WeightBytes">Bytes of the model's weights.</param>
/// <param name="ResidentBytes">What the process has in memory, the callers' part included.</param>
internal sealed record PresetProcess(string Engine, long WeightBytes, long ResidentBytes);
