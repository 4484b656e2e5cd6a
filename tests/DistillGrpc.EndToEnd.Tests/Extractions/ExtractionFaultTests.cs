using DistillGrpc.Contracts.V1;

namespace DistillGrpc.EndToEnd.Tests.Extractions;

/// <summary>What a night with a bad endpoint and a bad machine leaves: every row once, within the budget, as if nothing had happened.</summary>
[Collection(PostgresServer.Collection)]
public sealed class ExtractionFaultTests(PostgresServer postgres)
{
    private const int Rows = 10_000;
    private const int InFlight = 64;
    private static readonly int[] Kills = [700, 2600, 5100, 6900, 9300];

    [Fact]
    public Task Extraction_EveryFaultAndFiveKills_EndsLikeOneWithoutOnSqlite() => RunAsync(1, state => [$"--StateDirectory={state}/{{n}}"]);

    [PostgresFact]
    public async Task Extraction_EveryFaultAndFiveKills_EndsLikeOneWithoutOnTwoReplicas()
    {
        var database = await postgres.CreateDatabaseAsync();
        await RunAsync(2, state => [$"--StateDirectory={state}/{{n}}", $"--Database={database}", "--DatabaseLease=00:00:04"]);
    }

    private static async Task RunAsync(int replicas, Func<string, string[]> settings)
    {
        using var state = new TemporaryFolder();
        var (calm, storm) = (new FaultyLlm(1, isFaulty: false), new FaultyLlm(1, isFaulty: true));
        var expected = new FaultRun(calm, Rows, InFlight, [$"--StateDirectory={state.Path}/calm"]);
        await expected.RunAsync(1, []);
        var run = new FaultRun(storm, Rows, InFlight, settings(state.Path));
        await run.RunAsync(replicas, Kills);

        Assert.Equal((Rows, Rows), (run.Done.Counts.Inputs, run.Done.Counts.Accepted + run.Done.Counts.Rejected));
        Assert.Equal(Rows, run.Rows.Values.Select(row => row.Example.Id).Distinct().Count());
        Assert.Equal(Rows, run.Rows.Count);
        Assert.All(Sorted(expected).Zip(Sorted(run)), pair => Assert.Equal(pair.First, pair.Second));
        Assert.InRange(run.Done.Usage.CostNanos, storm.Answered.Count * FaultRun.Cost, run.Budget);
        // Only what was in flight at a kill may have been paid for twice.
        Assert.InRange(storm.Answered.Values.Sum(), storm.Answered.Count, storm.Answered.Count + (Kills.Length * InFlight));
        Assert.Equal(calm.Answered.Keys.Order(), storm.Answered.Keys.Order());
        Assert.True(storm.Failures > 1000 && run.Resumed >= 1, $"{storm.Failures} failures, {run.Resumed} times resumed");
    }

    // All that is known of a row but its times, and whether it had been paid for before a kill.
    private static IEnumerable<string> Sorted(FaultRun run) => run.Rows.Values
        .OrderBy(row => int.Parse(row.Example.Id, System.Globalization.CultureInfo.InvariantCulture))
        .Select(row =>
        {
            var result = row.Result.Clone();
            result.PaidNanos = 0;
            if (result.Provenance is not null)
            {
                (result.Provenance.CreateTime, result.Provenance.Kept) = (null, false);
            }

            return $"{row.Example} {result}";
        });
}
