using System.Data.Common;

namespace DistillGrpc.Teacher.Storage;

/// <summary>The tables of the Teacher's database, and how older databases come to have them.</summary>
internal static class Schema
{
    // Each leads from its version, which is its place here, to the next. What was released is never changed: another is added.
    private static string[] Steps(IDialect dialect) =>
    [
        // Databases from before there were versions have these tables already.
        $"""
        CREATE TABLE IF NOT EXISTS answers (key {dialect.Blob} PRIMARY KEY, answer {dialect.Blob} NOT NULL, created BIGINT NOT NULL) {dialect.KeyOrdered};
        CREATE TABLE IF NOT EXISTS accounts (name {dialect.Text} PRIMARY KEY, spent BIGINT NOT NULL, reserved BIGINT NOT NULL) {dialect.KeyOrdered};
        """,
        """
        ALTER TABLE accounts ADD COLUMN input_tokens BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE accounts ADD COLUMN output_tokens BIGINT NOT NULL DEFAULT 0;
        ALTER TABLE accounts ADD COLUMN answers BIGINT NOT NULL DEFAULT 0;
        """,
        // Which processes use the database; what they have reserved, together accounts.reserved; what they are asking. One that
        // has the database for itself needs the first alone.
        $"""
        CREATE TABLE owners (id {dialect.Text} PRIMARY KEY, alive_until BIGINT NOT NULL, writes BIGINT NOT NULL) {dialect.KeyOrdered};
        CREATE TABLE reservations (account {dialect.Text}, owner {dialect.Text}, amount BIGINT NOT NULL, PRIMARY KEY (account, owner)) {dialect.KeyOrdered};
        CREATE TABLE asking (key {dialect.Blob} PRIMARY KEY, owner {dialect.Text} NOT NULL) {dialect.KeyOrdered};
        """,
        Extractions.ExtractionSchema.Of(dialect),
        // Which batch a teacher's question is in; the endpoint's id for it, once there is one; who may still submit it, until that is over.
        $"""
        CREATE TABLE batched (
            teacher {dialect.Text}, key {dialect.Blob}, batch {dialect.Text} NOT NULL, id TEXT NOT NULL, owner {dialect.Text} NOT NULL, created BIGINT NOT NULL,
            PRIMARY KEY (teacher, key)) {dialect.KeyOrdered};
        CREATE INDEX batched_batches ON batched (batch);
        """,
    ];

    /// <summary>Takes the steps that are missing, all of them or none.</summary>
    /// <exception cref="InvalidOperationException">A newer program has written this database.</exception>
    public static void Update(DbConnection connection, IDialect dialect)
    {
        var steps = Steps(dialect);
        using var transaction = connection.BeginTransaction();
        if (dialect.IsShared)
        {
            transaction.Execute(dialect.LockWriters);
        }

        transaction.Execute("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL)");
        var found = transaction.Scalar("SELECT version FROM schema_version") as long?;
        if (found > steps.Length)
        {
            throw new InvalidOperationException($"The database has version {found}, and this program knows version {steps.Length}: use the program that wrote it, or another database.");
        }

        foreach (var step in steps.Skip((int)(found ?? 0)))
        {
            transaction.Execute(step);
        }

        transaction.Execute(found is null ? "INSERT INTO schema_version (version) VALUES (@version)" : "UPDATE schema_version SET version = @version", ("@version", (long)steps.Length));
        transaction.Commit();
    }
}
