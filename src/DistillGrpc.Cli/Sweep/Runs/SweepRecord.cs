using DistillGrpc.Cli.Sweep.Plans;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>What a sweep is made from: with it and the runs' results its report can be written anew.</summary>
/// <param name="Plan">What is compared.</param>
/// <param name="Data">The rows.</param>
/// <param name="HeldOut">The held-out rows.</param>
/// <param name="Command">The command line.</param>
/// <param name="Software">What it was made with, by name.</param>
internal sealed record SweepRecord(SweepPlan Plan, IReadOnlyList<SweepData> Data, HeldOutData HeldOut, string Command, IReadOnlyDictionary<string, string> Software)
{
    /// <summary>The rows that the plan calls so.</summary>
    public SweepData DataOf(string name) => Data.First(data => data.Name == name);

    /// <summary>A part of them.</summary>
    public DataPart PartOf(string name, double fraction) => DataOf(name).Parts.First(part => part.Fraction == fraction);
}
