namespace DistillGrpc.Modeling.Engines.Cpu;

/// <summary>A thread of a team, while it works.</summary>
internal sealed class Worker(WorkerTeam team, int index)
{
    /// <summary>Its place in the team, from 0.</summary>
    public int Index => index;

    /// <summary>Threads of the team.</summary>
    public int Of => team.Size;

    /// <summary>Takes the next of a phase's items, until there is none.</summary>
    public bool Take(int items, out int item) => (item = team.Next()) < items;

    /// <summary>Ends a phase: what any has written before, all may read after.</summary>
    public void Meet() => team.Meet();
}
