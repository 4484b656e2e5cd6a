using DistillGrpc.Contracts.V1;
using DistillGrpc.Hosting;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Backends.OpenAi;
using DistillGrpc.Teacher.Backends.OpenAi.Batches;
using DistillGrpc.Teacher.Backends.Student;
using DistillGrpc.Teacher.Prompts;

namespace DistillGrpc.Teacher.Backends;

/// <summary>The teachers that the operator has configured.</summary>
internal sealed class TeacherCatalog : IDisposable
{
    private const string Collection = "teachers/";
    private readonly Dictionary<string, ConfiguredTeacher> _teachers;
    private readonly string _default;

    private TeacherCatalog(Dictionary<string, ConfiguredTeacher> teachers, string defaultTeacher) => (_teachers, _default) = (teachers, defaultTeacher);

    /// <summary>All of them.</summary>
    public IEnumerable<ConfiguredTeacher> All => _teachers.Values;

    /// <summary>Makes the backends.</summary>
    /// <param name="options">What the operator has set.</param>
    /// <param name="prompts">The prompts.</param>
    /// <param name="kept">Makes the paid ones.</param>
    /// <param name="time">The clock.</param>
    /// <param name="logger">Hears of endpoints that do not answer.</param>
    /// <exception cref="InvalidOperationException">A setting cannot be used; the message names it.</exception>
    public static TeacherCatalog Load(TeacherOptions options, PromptCatalog prompts, KeptAnswers kept, TimeProvider time, ILogger<TeacherCatalog> logger)
    {
        var teachers = options.Teachers.ToDictionary(
            pair => pair.Key, pair => new ConfiguredTeacher(Collection + pair.Key, Make(pair.Key, pair.Value, prompts, kept, time, logger), pair.Value.PermitsDistillation), StringComparer.Ordinal);
        if (teachers.Count == 0)
        {
            teachers.Add("symbolic", new ConfiguredTeacher(Collection + "symbolic", new SymbolicBackend(), PermitsDistillation: true));
        }

        var chosen = options.DefaultTeacher.Length > 0 ? options.DefaultTeacher : teachers.Count == 1 ? teachers.Keys.First() : "";
        return chosen.Length == 0 || teachers.ContainsKey(chosen)
            ? new TeacherCatalog(teachers, chosen)
            : throw new InvalidOperationException($"DefaultTeacher: there is no teacher '{chosen}' under Teachers.");
    }

    /// <summary>The teacher of a request.</summary>
    /// <param name="name"><c>teachers/{id}</c>, or empty for the default.</param>
    /// <param name="field">The request's field that holds it.</param>
    /// <exception cref="Grpc.Core.RpcException">INVALID_ARGUMENT or NOT_FOUND.</exception>
    public ConfiguredTeacher Find(string name, string field)
    {
        var id = name.Length == 0 ? _default : name.StartsWith(Collection, StringComparison.Ordinal) ? name[Collection.Length..] : "";
        if (id.Length == 0)
        {
            throw RpcFailure.InvalidArgument(field, name.Length == 0 ? "name one: there is no default" : "must look like teachers/{id}");
        }

        return _teachers.TryGetValue(id, out var teacher)
            ? teacher
            : throw RpcFailure.NotFound("TEACHER_NOT_FOUND", $"There is no teacher '{Collection}{id}'.");
    }

    /// <summary>Why none of a teacher's calls gets through, where that is so.</summary>
    /// <param name="name"><c>teachers/{id}</c>, or empty for the default.</param>
    public (string Name, TeacherTrouble Trouble)? TroubleOf(string name) =>
        _teachers.TryGetValue(name.Length == 0 ? _default : name[(name.IndexOf('/', StringComparison.Ordinal) + 1)..], out var teacher) && teacher.Backend.Trouble is { } trouble ? (teacher.Name, trouble) : null;

    public void Dispose()
    {
        foreach (var backend in _teachers.Values.Select(teacher => teacher.Backend).OfType<IDisposable>())
        {
            backend.Dispose();
        }
    }

    private static ITeacherBackend Make(string id, TeacherEntry entry, PromptCatalog prompts, KeptAnswers kept, TimeProvider time, ILogger logger) => entry.Backend switch
    {
        "symbolic" => new SymbolicBackend(),
        "recorded" => Recorded(id, entry, prompts.OfSetting($"Teachers:{id}:Prompt", entry.Prompt)),
        "openai" => OpenAi(OpenAiOptions.Of(id, entry), prompts.OfSetting($"Teachers:{id}:Prompt", entry.Prompt), kept, time, logger),
        "student" => new StudentBackend(StudentOptions.Of(id, entry), time),
        var other => throw new InvalidOperationException($"Teachers:{id}:Backend: '{other}' is not a backend; there are symbolic, recorded, openai and student."),
    };

    private static PaidTeacher OpenAi(OpenAiOptions options, Prompt prompt, KeptAnswers kept, TimeProvider time, ILogger logger)
    {
        var account = Collection + options.Id;
        var chat = new OpenAiBackend(options, prompt, time, new UpstreamHealth(account, time, logger));
        return kept.Of(account, options.Batch is { } batch ? new BatchBackend(chat, options, batch, kept.BatchedOf(account), time) : chat);
    }

    private static RecordedBackend Recorded(string id, TeacherEntry entry, Prompt prompt)
    {
        foreach (var (setting, path) in entry.Outputs.Select(path => ("Outputs", path)).Prepend(("Path", entry.Path)))
        {
            if (!File.Exists(path))
            {
                throw new InvalidOperationException($"Teachers:{id}:{setting}: there is no file '{path}'.");
            }
        }

        try
        {
            return RecordedBackend.LoadAsync(entry.Path, entry.Outputs, prompt.Format).GetAwaiter().GetResult();
        }
        catch (InvalidDataException damaged)
        {
            throw new InvalidOperationException($"Teachers:{id}: {damaged.Message}", damaged);
        }
    }
}
