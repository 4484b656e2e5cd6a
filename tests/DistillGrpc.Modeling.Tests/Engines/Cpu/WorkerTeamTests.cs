using DistillGrpc.Modeling.Engines.Cpu;

namespace DistillGrpc.Modeling.Tests.Engines.Cpu;

public sealed class WorkerTeamTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(5)]
    public void Run_PhasesOfItems_TakesEachOnceAndLetsNobodyAhead(int size)
    {
        using var team = new WorkerTeam(size);
        for (var run = 0; run < 200; run++)
        {
            var taken = new int[3, 7];
            var isEarly = false;
            team.Run(worker =>
            {
                for (var phase = 0; phase < 3; phase++)
                {
                    while (worker.Take(7, out var item))
                    {
                        Interlocked.Increment(ref taken[phase, item]);
                        isEarly |= phase > 0 && Enumerable.Range(0, 7).Any(i => Volatile.Read(ref taken[phase - 1, i]) == 0);
                    }

                    worker.Meet();
                }
            });

            Assert.All(taken.Cast<int>(), count => Assert.Equal(1, count));
            Assert.False(isEarly);
        }
    }

    [Fact]
    public void Run_WorkersThatHaveGoneToSleep_AreWoken()
    {
        using var team = new WorkerTeam(3);
        for (var run = 0; run < 5; run++)
        {
            var present = 0;
            team.Run(worker =>
            {
                Interlocked.Increment(ref present);
                worker.Meet();
            });

            Assert.Equal(3, present);
            // Longer than they stay awake; whether they sleep or not, all have to come.
            Thread.Sleep(30);
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void Run_AWorkerThatFails_FailsTheCallAndNobodyWaitsForIt(int failing)
    {
        using var team = new WorkerTeam(3);
        for (var run = 0; run < 20; run++)
        {
            var failure = Assert.Throws<InvalidDataException>(() => team.Run(worker =>
            {
                worker.Meet();
                if (worker.Index == failing)
                {
                    throw new InvalidDataException("broken");
                }

                worker.Meet();
                worker.Meet();
            }));
            Assert.Equal("broken", failure.Message);

            var present = 0;
            team.Run(worker =>
            {
                worker.Meet();
                Interlocked.Increment(ref present);
            });
            Assert.Equal(3, present);
        }
    }

    [Fact]
    public async Task Run_CallersAtOnce_TakeTurns()
    {
        using var team = new WorkerTeam(2);
        var (inside, most) = (0, 0);
        await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() =>
        {
            for (var i = 0; i < 50; i++)
            {
                team.Run(worker =>
                {
                    if (worker.Index == 0)
                    {
                        most = Math.Max(most, Interlocked.Increment(ref inside));
                    }

                    worker.Meet();
                    if (worker.Index == 0)
                    {
                        Interlocked.Decrement(ref inside);
                    }
                });
            }
        })));

        Assert.Equal(1, most);
    }
}
