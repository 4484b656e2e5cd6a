using System.Data.Common;

namespace DistillGrpc.Teacher.Storage;

/// <summary>
/// What differs between the databases. Everything else is the SQL that both know: named parameters, BIGINT for every number and
/// every time (milliseconds since 1970), ON CONFLICT, UPDATE with FROM.
/// </summary>
internal interface IDialect : IAsyncDisposable
{
    /// <summary>Where the database is, as the operator has set it; no secret.</summary>
    string Place { get; }

    /// <summary>Several processes use the database at once.</summary>
    bool IsShared { get; }

    /// <summary>The type of texts, ordered by their bytes.</summary>
    string Text { get; }

    /// <summary>The type of bytes.</summary>
    string Blob { get; }

    /// <summary>Behind CREATE TABLE (...): rows lie in the order of the primary key, where the database can do that.</summary>
    string KeyOrdered { get; }

    /// <summary>An expression: the database's clock now, in milliseconds since 1970.</summary>
    string Now { get; }

    /// <summary>A statement: from here to its end, the transaction is the only one that writes.</summary>
    string LockWriters { get; }

    /// <summary>A connection to write with, one at a time.</summary>
    DbConnection OpenWriter();

    /// <summary>A connection to read with.</summary>
    ValueTask<DbConnection> OpenReaderAsync(CancellationToken cancellationToken);

    /// <summary>Connections that lie ready may be broken: makes new ones.</summary>
    void Refresh();

    /// <summary>Whether what the database refused may go through in a moment or when the operator has made room; nothing of it was kept.</summary>
    bool MayPass(DbException failure);

    /// <summary>Why the database refused, in one line for the operator.</summary>
    string Explain(DbException failure);
}
