using System.Data.Common;

namespace DistillGrpc.Teacher.Storage;

/// <summary>The connection broke while a transaction was being committed, and the database cannot say what became of it: it must not be tried again.</summary>
internal sealed class OutcomeUnknownException(Exception inner) : DbException("The database was lost in the middle of a commit.", inner)
{
    public override bool IsTransient => false;
}
