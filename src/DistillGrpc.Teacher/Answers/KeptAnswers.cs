using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Spending;
using DistillGrpc.Teacher.Storage;

namespace DistillGrpc.Teacher.Answers;

/// <summary>Makes paid teachers; the database that they share is opened with the first, so that a Teacher without any needs no state.</summary>
/// <param name="state">Opens the state directory.</param>
internal sealed class KeptAnswers(Func<StateDirectory> state) : IAsyncDisposable
{
    private TeacherDatabase? _database;
    private AnswerStore? _answers;

    /// <summary>A teacher whose answers are kept.</summary>
    /// <param name="account">What it costs is booked under this name.</param>
    /// <param name="backend">The model; disposed with the teacher.</param>
    /// <exception cref="InvalidOperationException">The state directory cannot be used.</exception>
    public PaidTeacher Of(string account, IPaidBackend backend)
    {
        _database ??= new TeacherDatabase(state());
        _answers ??= new AnswerStore(_database);
        return new PaidTeacher(backend, _answers, new Ledger(_database, account, backend.Budget));
    }

    public async ValueTask DisposeAsync()
    {
        _answers?.Dispose();
        if (_database is not null)
        {
            await _database.DisposeAsync();
        }
    }
}
