using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student.Tests.Serving;

public sealed class SchedulerTests
{
    [Fact]
    public void Turn_JobsThatComeAndEndAtAnyTime_ShareStepsAndGiveBackWhatTheyHeld()
    {
        using var rig = new SchedulerRig();
        var long1 = rig.Add("abcdef");
        rig.Turn(2);
        var short1 = rig.Add("xy");
        rig.Turn();
        var long2 = rig.Add("12345");
        rig.TurnUntilIdle();

        // Seven, three and six steps, the end included: two alone, one with a second, two with a third.
        Assert.Equal([1, 1, 2, 3, 3, 2, 2, 1, 1], rig.Engine.Rows);
        Assert.Equal(["abcdef", "xy", "12345"], new[] { long1, short1, long2 }.Select(SchedulerRig.Text));
        Assert.Equal(0, rig.Engine.LiveSequences);
        foreach (var job in new[] { long1, short1, long2 })
        {
            rig.Queue.Release(job.Reading);
        }

        rig.Turn();
        Assert.Equal(0, rig.Engine.LiveEncodings);
    }

    [Fact]
    public void Turn_SixtyFourAnswersOfMixedLengths_EachGetsATokenInEveryStepAndIsWhatItIsAlone()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxEncoderTokensBetweenSteps = 100 });
        var random = new Random(1);
        var texts = Enumerable.Range(0, 64).Select(i => new string((char)('a' + (i % 26)), random.Next(1, 80))).ToArray();
        var (firstSteps, lastSteps) = (new int[64], new int[64]);
        var jobs = new List<GenerationJob>();
        while (jobs.Count < 64)
        {
            jobs.AddRange(Enumerable.Range(0, Math.Min(random.Next(4), 64 - jobs.Count)).Select(more => rig.Add(texts[jobs.Count + more], wantsTokens: true)).ToArray());
            Turn();
        }

        while (Turn())
        {
        }

        Assert.Equal(texts, jobs.Select(SchedulerRig.Text));
        Assert.All(Enumerable.Range(0, 64), i => Assert.Equal(texts[i].Length, lastSteps[i] - firstSteps[i]));

        bool Turn()
        {
            var more = rig.Scheduler.Turn();
            for (var i = 0; i < jobs.Count; i++)
            {
                var count = 0;
                while (jobs[i].Feed.TryRead(out _))
                {
                    count++;
                }

                Assert.InRange(count, 0, 1);
                firstSteps[i] = firstSteps[i] == 0 && count > 0 ? rig.Engine.Rows.Count : firstSteps[i];
                lastSteps[i] = count > 0 ? rig.Engine.Rows.Count : lastSteps[i];
            }

            return more;
        }
    }

    [Fact]
    public void Turn_InputsWhileAnswersAreWritten_AreReadInPassesOfTheBudgetWithAStepBetween()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxEncoderTokens = 1000, MaxEncoderTokensBetweenSteps = 30 });
        _ = Enumerable.Range(0, 7).Select(_ => rig.Add(new string('a', 100))).ToArray();
        rig.Turn();
        var jobs = new[] { 12, 12, 12, 12, 12, 12, 50 }.Select(length => rig.Add(new string('b', length))).ToArray();
        rig.TurnUntilIdle();

        // Two of 13 tokens at a time; what is longer than a pass may be is read by itself.
        Assert.Equal([707, 26, 26, 26, 51], rig.Engine.Events.Where(e => e.Kind == 'E').Select(e => e.Size));
        Assert.DoesNotContain("EE", string.Concat(rig.Engine.Events.Select(e => e.Kind)), StringComparison.Ordinal);
        Assert.All(jobs, job => Assert.True(SchedulerRig.HasEnded(job)));
    }

    [Fact]
    public void Turn_MoreInputsThanAnswersThatAreWritten_AreReadInFewerPasses()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxEncoderTokens = 60, MaxEncoderTokensBetweenSteps = 13 });
        rig.Add(new string('a', 100));
        rig.Turn();
        _ = Enumerable.Range(0, 7).Select(_ => rig.Add(new string('b', 12))).ToArray();
        rig.TurnUntilIdle();

        // Seven wait for one: as much as while nothing is written. Then three wait for five.
        Assert.Equal([101, 52, 13, 13, 13], rig.Engine.Events.Where(e => e.Kind == 'E').Select(e => e.Size));
    }

    [Fact]
    public void Turn_InputsWhileNothingIsWritten_AreReadInPassesOfTheLargerBudget()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxEncoderTokens = 40, MaxEncoderTokensBetweenSteps = 1 });
        _ = Enumerable.Range(0, 4).Select(_ => rig.Add("nine char")).ToArray();
        rig.Turn();

        Assert.Equal([('E', 40), ('S', 4)], rig.Engine.Events);
    }

    [Fact]
    public void Turn_MoreThanTheMemoryHolds_WaitUntilThereIsRoom()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxContextTokens = 30 });
        var (first, second, large) = (rig.Add("abc", maxTokens: 10), rig.Add("def", maxTokens: 10), rig.Add("ghi", maxTokens: 500));
        rig.TurnUntilIdle();

        // The third has more than there is, and is written alone.
        Assert.Equal([2, 2, 2, 2, 1, 1, 1, 1], rig.Engine.Rows);
        Assert.Equal(["abc", "def", "ghi"], new[] { first, second, large }.Select(SchedulerRig.Text));
    }

    [Fact]
    public void Turn_BeamsAndSamples_HaveARowEachAndNeverMoreThanAStepHas()
    {
        using var rig = new SchedulerRig(new SchedulerOptions { MaxRows = 5 });
        rig.Engine.Second = (_, step) => 'A' + 3 + step;
        var beams = rig.Add("abcd", options: new DecodingOptions { MaxTokens = 10, Beams = 3, Answers = 2 });
        var samples = rig.Add("efgh", options: new DecodingOptions { MaxTokens = 10, Answers = 2, Temperature = 1, Seed = 4 });
        var third = rig.Add("ijkl");
        rig.TurnUntilIdle();

        Assert.InRange(rig.Engine.Rows.Max(), 3, 5);
        Assert.Equal((2, 2, "abcd"), (beams.Answers.Count, samples.Answers.Count, SchedulerRig.Text(beams)));
        Assert.Equal("ijkl", SchedulerRig.Text(third));
        Assert.Equal(0, rig.Engine.LiveSequences);
    }

    [Fact]
    public void Turn_AnswerOfWhichEnoughIsWritten_EndsWithWhatThereIs()
    {
        using var rig = new SchedulerRig();
        var job = rig.Add("abcdefgh", wantsTokens: true, options: new DecodingOptions { MaxTokens = 20, TopLogProbabilities = 1 });
        rig.Turn(3);
        job.Stop();
        rig.TurnUntilIdle();

        var answer = Assert.Single(job.Answers);
        Assert.Equal(("abc", 3, 3, false), (SchedulerRig.Text(job), answer.LogProbabilities.Count, answer.TopLogProbabilities.Count, answer.HasEnded));
        Assert.Equal(3, rig.Engine.Rows.Count);
    }

    [Fact]
    public async Task Turn_OneInputForTwoGenerations_IsReadOnce()
    {
        using var rig = new SchedulerRig();
        int[] input = [.. SchedulerRig.Bytes.Encode("abc"), SchedulerRig.Bytes.EosId];
        var caller = new Caller(Priority.Interactive, DateTimeOffset.MaxValue, CancellationToken.None);
        var lease = ServingLease.Enter(rig.Queue)!;
        var first = await lease.StartAsync(input, isSameInput: true, new DecodingOptions { MaxTokens = 2 }, wantsTokens: false, caller);
        rig.TurnUntilIdle();
        var second = await lease.StartAsync(input, isSameInput: true, new DecodingOptions { MaxTokens = 9 }, wantsTokens: false, caller);
        rig.TurnUntilIdle();
        lease.Dispose();
        rig.Turn();

        Assert.Equal(("ab", "abc"), (SchedulerRig.Text(first), SchedulerRig.Text(second)));
        Assert.Single(rig.Engine.Passes);
        Assert.Equal((0, TimeSpan.Zero), (rig.Engine.LiveEncodings, second.Encoded));
    }

    [Fact]
    public void Turn_InSteadyState_AllocatesNothing()
    {
        using var rig = new SchedulerRig();
        rig.Engine.Records = false;
        for (var i = 0; i < 16; i++)
        {
            rig.Add(new string('a', 600), wantsTokens: true);
        }

        rig.Turn(100);

        Assert.Equal(0, Allocations.Of(() => rig.Turn(100)));
    }
}
