using System.Reflection;
using Xunit.Sdk;

namespace DistillGrpc.Tests;

/// <summary>A row of a theory on a kind of database, which is the first argument. Where PostgreSQL is not installed its rows are skipped, and say so.</summary>
[AttributeUsage(AttributeTargets.Method, AllowMultiple = true)]
internal sealed class OnDatabaseAttribute : DataAttribute
{
    public const string Sqlite = "SQLite";
    public const string Postgres = "PostgreSQL";

    private readonly object[] _row;

    public OnDatabaseAttribute(string kind, params object[] others)
    {
        _row = [kind, .. others];
        if (kind == Postgres && PostgresServer.Programs is null)
        {
            Skip = PostgresServer.Missing;
        }
    }

    public override IEnumerable<object[]> GetData(MethodInfo testMethod) => [_row];
}
