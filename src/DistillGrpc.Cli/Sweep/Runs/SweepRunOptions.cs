namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>How a sweep's runs are made.</summary>
/// <param name="Ahead">Runs that the Student has at once: those that are trained, and those that wait so that it need not.</param>
/// <param name="KeepModels">Models stay.</param>
/// <param name="KeepBest">The model that answered the most held-out rows rightly stays.</param>
/// <param name="IsQuiet">Nothing is said on the way.</param>
internal sealed record SweepRunOptions(int Ahead, bool KeepModels, bool KeepBest, bool IsQuiet);
