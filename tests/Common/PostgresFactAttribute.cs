namespace DistillGrpc.Tests;

/// <summary>A test on a real PostgreSQL (<see cref="PostgresServer"/>). Where it is not installed the test is skipped, and says so.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PostgresFactAttribute : FactAttribute
{
    /// <summary>Skips the test where PostgreSQL is not there.</summary>
    public PostgresFactAttribute()
    {
        if (PostgresServer.Programs is null)
        {
            Skip = PostgresServer.Missing;
        }
    }
}
