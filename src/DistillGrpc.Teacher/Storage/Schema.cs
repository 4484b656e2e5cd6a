using System.Data.Common;

namespace DistillGrpc.Teacher.Storage;

/// <summary>The tables of the Teacher's database, and how older databases come to have them.</summary>
internal static class Schema
{
    // Each leads from its version, which is its place here, to the next. What was released is never changed: another is added.
    private static readonly string[] Steps =
    [
        // Databases from before there were versions have these tables already.
        """
        CREATE TABLE IF NOT EXISTS answers (key BLOB PRIMARY KEY, answer BLOB NOT NULL, created BIGINT NOT NULL) WITHOUT ROWID;
        CREATE TABLE IF NOT EXISTS accounts (name TEXT PRIMARY KEY, spent BIGINT NOT NULL, reserved BIGINT NOT NULL) WITHOUT ROWID;
        """,
        """
        ALTER TABLE accounts ADD COLUMN input_tokens BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE accounts ADD COLUMN output_tokens BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE accounts ADD COLUMN answers BIGINT NOT NULL DEFAULT 0;
        """,
    ];

    /// <summary>Takes the steps that are missing, all of them or none.</summary>
    /// <exception cref="InvalidOperationException">A newer program has written this database.</exception>
    public static void Update(DbConnection connection)
    {
        using var transaction = connection.BeginTransaction();
        transaction.Execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)");
        var found = transaction.Scalar("SELECT version FROM schema_version") as long?;
        if (found > Steps.Length)
        {
            throw new InvalidOperationException($"The database has version {found}, and this program knows version {Steps.Length}: use the program that wrote it, or another database.");
        }

        foreach (var step in Steps.Skip((int)(found ?? 0)))
        {
            transaction.Execute(step);
        }

        transaction.Execute(found is null ? "INSERT INTO schema_version (version) VALUES (@version)" : "UPDATE schema_version SET version = @version", ("@version", (long)Steps.Length));
        transaction.Commit();
    }
}
