using DistillGrpc.Student.Training;

namespace DistillGrpc.Student.Tests.Training;

public sealed class RunGuardTests
{
    [Fact]
    public void HasDiverged_LossThatStaysHigh_IsSaidAfterAWhile()
    {
        var guard = After(RunGuard.None, 10, 20);

        Assert.False(After(guard, 40, 5).HasDiverged);
        Assert.True(After(guard, 40, 20).HasDiverged);
        Assert.False(After(guard, 21, 1000).HasDiverged);
        Assert.False(After(guard, 1000, 0).HasDiverged);
    }

    [Fact]
    public void HasDiverged_LittleToLearn_MayErrALittle()
    {
        var guard = After(RunGuard.None, 0.01, 20);

        Assert.False(After(guard, 1.9, 1000).HasDiverged);
        Assert.True(After(guard, 2.2, 1000).HasDiverged);
    }

    [Fact]
    public void HasDiverged_FirstSteps_NeverSay()
    {
        Assert.False(RunGuard.None.After(1).After(1e30).HasDiverged);
    }

    private static RunGuard After(RunGuard guard, double loss, int steps) => Enumerable.Range(0, steps).Aggregate(guard, (now, _) => now.After(loss));
}
