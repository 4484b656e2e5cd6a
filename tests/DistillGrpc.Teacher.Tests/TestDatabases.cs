using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace DistillGrpc.Teacher.Tests;

/// <summary>The databases of one test: at most one of each kind.</summary>
internal sealed class TestDatabases(PostgresServer server) : IDisposable
{
    private readonly TemporaryFolder _folder = new();
    private StateDirectory? _state;
    private string? _postgres;

    /// <summary>The state directory's folder.</summary>
    public string Folder => _folder.Path;

    /// <summary>The state directory, held open.</summary>
    public StateDirectory State => _state ??= new StateDirectory(Folder, "distill-teacher");

    /// <summary>The connection string of the database in PostgreSQL.</summary>
    public async Task<string> PostgresAsync() => _postgres ??= await server.CreateDatabaseAsync();

    /// <summary>A Teacher's settings.</summary>
    public async Task<string[]> SettingsAsync(string kind) => kind == OnDatabaseAttribute.Sqlite ? [$"--StateDirectory={Folder}"] : [$"--Database={await PostgresAsync()}"];

    /// <summary>A process's access to it.</summary>
    public async Task<TeacherDatabase> OpenAsync(string kind, TimeProvider? time = null, TimeSpan? lease = null)
    {
        var life = lease ?? TimeSpan.FromSeconds(20);
        IDialect dialect = kind == OnDatabaseAttribute.Sqlite ? new SqliteDialect(State) : new PostgresDialect(await PostgresAsync(), life);
        return new TeacherDatabase(dialect, life, time ?? TimeProvider.System, NullLogger.Instance);
    }

    public void Dispose()
    {
        _state?.Dispose();
        _folder.Dispose();
    }
}
