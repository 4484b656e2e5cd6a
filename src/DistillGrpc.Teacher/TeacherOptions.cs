using DistillGrpc.Hosting;

namespace DistillGrpc.Teacher;

/// <summary>What the operator sets for the Teacher, at the configuration's root.</summary>
internal sealed class TeacherOptions
{
    /// <summary>The teacher used where a request names none; default: the only one, or <c>symbolic</c>.</summary>
    public string DefaultTeacher { get; set; } = "";

    /// <summary>The teachers by id. Without any there is <c>symbolic</c>.</summary>
    public Dictionary<string, TeacherEntry> Teachers { get; set; } = [];

    /// <summary>A folder with prompts of the operator's own, <c>{id}.yaml</c>; one that has the id of a prompt that comes with the Teacher takes its place. Default none.</summary>
    public string PromptDirectory { get; set; } = "";

    /// <summary>
    /// A PostgreSQL database that holds the answers and what was spent, for several Teachers at once: Npgsql's connection string, <c>Host=...;Username=...;Database=...</c>.
    /// Default empty: SQLite in the state directory, for one. Better in the environment, <c>DISTILL_Database</c>, where it holds a password.
    /// </summary>
    public string Database { get; set; } = "";

    /// <summary>
    /// How long a Teacher that shares <see cref="Database"/> counts as alive after a sign of life, which it gives with every write and four times in this time; default 20 seconds.
    /// What one that is dead had reserved counts as spent, and what it was asking others ask.
    /// </summary>
    public TimeSpan DatabaseLease { get; set; } = TimeSpan.FromSeconds(20);

    /// <summary>Inputs of one call that are being answered at once; default 128. A teacher's own limit decides how many of them it is asked.</summary>
    public int MaxInputsInFlight { get; set; } = 128;

    /// <summary>Extractions that are worked on at once; default 8. Others wait, in the order in which they were created.</summary>
    public int MaxExtractions { get; set; } = 8;

    /// <summary>How often an input of an extraction is asked that fails for a reason that may pass, each time with all its retries; default 5.</summary>
    public int ExtractionTries { get; set; } = 5;

    /// <summary>How long a teacher that is down is waited for, before inputs fail for it; default 12 hours.</summary>
    public TimeSpan OutagePatience { get; set; } = TimeSpan.FromHours(12);

    /// <summary>How long calls under way may take when the service is asked to stop; default 10 seconds. What was paid for is then kept.</summary>
    public TimeSpan StopGrace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Checks the settings that are not a teacher's own.</summary>
    /// <exception cref="InvalidOperationException">One cannot be used; the message names it.</exception>
    public void Check()
    {
        Setting.Require(MaxInputsInFlight is >= 1 and <= 10_000, nameof(MaxInputsInFlight), "must be 1 to 10000.");
        Setting.Require(MaxExtractions is >= 1 and <= 1000, nameof(MaxExtractions), "must be 1 to 1000.");
        Setting.Require(ExtractionTries is >= 1 and <= 100, nameof(ExtractionTries), "must be 1 to 100.");
        Setting.Require(OutagePatience >= TimeSpan.Zero && OutagePatience <= TimeSpan.FromDays(30), nameof(OutagePatience), "must be 0 to 30 days.");
        Setting.Require(StopGrace >= TimeSpan.Zero && StopGrace <= TimeSpan.FromMinutes(10), nameof(StopGrace), "must be 0 to 10 minutes.");
        Setting.Require(DatabaseLease >= TimeSpan.FromSeconds(1) && DatabaseLease <= TimeSpan.FromHours(1), nameof(DatabaseLease), "must be a second to an hour.");
    }
}

/// <summary>One teacher.</summary>
internal sealed class TeacherEntry
{
    /// <summary><c>symbolic</c>, <c>recorded</c>, <c>openai</c> or <c>student</c>.</summary>
    public string Backend { get; set; } = "";

    /// <summary>You have read the teacher's terms, and they permit to train on its answers; recorded with every row. Default false.</summary>
    public bool PermitsDistillation { get; set; }

    /// <summary>The prompt's id (<c>openai</c>), used where a request names none; default <c>answer</c>. With <c>recorded</c>: how labels are read from <see cref="Outputs"/>.</summary>
    public string Prompt { get; set; } = "answer";

    /// <summary>The file of recorded rows (<c>recorded</c>): JSONL, or CSV with a header line.</summary>
    public string Path { get; set; } = "";

    /// <summary>
    /// What the teacher wrote for these rows where it is not in them (<c>recorded</c>), as the paper's repository keeps it: files
    /// that are a JSON array of texts, together in the order of the rows.
    /// </summary>
    public List<string> Outputs { get; set; } = [];

    /// <summary>Where OpenAI's interface is (<c>openai</c>), such as <c>https://api.openai.com/v1</c>.</summary>
    public string Endpoint { get; set; } = "";

    /// <summary>Where a Student listens (<c>student</c>), such as <c>http://127.0.0.1:5102</c>.</summary>
    public string Address { get; set; } = "";

    /// <summary>The endpoint's model (<c>openai</c>), or the Student's, <c>models/{id}</c> (<c>student</c>).</summary>
    public string Model { get; set; } = "";

    /// <summary>The endpoint's key (<c>openai</c>); default none. Better in the environment, <c>DISTILL_Teachers__ID__ApiKey</c>, than on a command line.</summary>
    public string ApiKey { get; set; } = "";

    /// <summary>
    /// How it is asked (<c>openai</c>): <c>chat</c> (the default) for chat completions, or <c>completions</c> for the older interface
    /// in which a model goes on with one text.
    /// </summary>
    public string Api { get; set; } = "chat";

    /// <summary>
    /// The name of the limit of tokens (<c>openai</c>), for servers that know only one: <c>max_completion_tokens</c> (the default of
    /// <c>chat</c>) or <c>max_tokens</c> (of <c>completions</c>, which have no other).
    /// </summary>
    public string TokenLimitField { get; set; } = "";

    /// <summary>Most tokens of an answer (<c>openai</c>) where the request does not say; default 512.</summary>
    public int MaxOutputTokens { get; set; } = 512;

    /// <summary>Price of a million tokens that are read (<c>openai</c>), in a currency of your choice; default 0.</summary>
    public decimal InputPrice { get; set; }

    /// <summary>Price of a million tokens that are written (<c>openai</c>); default 0.</summary>
    public decimal OutputPrice { get; set; }

    /// <summary>All that this teacher may ever cost (<c>openai</c>), over restarts; default 0, no limit. Raise it to go on.</summary>
    public decimal Budget { get; set; }

    /// <summary>Most bytes of one response (<c>openai</c>); default 4 MiB.</summary>
    public long MaxResponseBytes { get; set; } = 4 << 20;

    /// <summary>Most calls at once (<c>openai</c>, <c>student</c>), over all callers; default 64. With <c>openai</c> it is halved when the endpoint throttles, and grows back.</summary>
    public int MaxConcurrency { get; set; } = 64;

    /// <summary>Most calls a minute (<c>openai</c>); default 0, no limit.</summary>
    public int RequestsPerMinute { get; set; }

    /// <summary>Most tokens a minute (<c>openai</c>), estimated before a call; default 0, no limit.</summary>
    public int TokensPerMinute { get; set; }

    /// <summary>Calls of the last half minute after which an endpoint that failed half of them is left alone (<c>openai</c>); default 20.</summary>
    public int BreakAfter { get; set; } = 20;

    /// <summary>How long it is left alone then (<c>openai</c>); default 15 seconds.</summary>
    public TimeSpan BreakDuration { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>How often a call that failed but may pass is tried again (<c>openai</c>); default 5.</summary>
    public int Retries { get; set; } = 5;

    /// <summary>Time before the second call (<c>openai</c>); it doubles with every further one, to at most 30 seconds, with jitter. Default 0.5 seconds.</summary>
    public TimeSpan RetryDelay { get; set; } = TimeSpan.FromMilliseconds(500);

    /// <summary>
    /// How long a call may write nothing before a second one is made beside it (<c>openai</c>), whose answer counts where it is whole
    /// first; both may cost. Default 0, never.
    /// </summary>
    public TimeSpan HedgeAfter { get; set; }

    /// <summary>
    /// Whether inputs are collected and sent as batches (<c>openai</c> with <c>chat</c>), which cost less and take up to a day; default
    /// false. Limits by the minute, <see cref="MaxConcurrency"/>, <see cref="AttemptTimeout"/> and <see cref="Timeout"/> do not count for what is collected.
    /// </summary>
    public bool Batch { get; set; }

    /// <summary>Most inputs of a batch, and inputs that are waited for at once; default 1000.</summary>
    public int BatchSize { get; set; } = 1000;

    /// <summary>A batch that is not full is sent when no input has come for so long; default 30 seconds.</summary>
    public TimeSpan BatchWait { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>Longest wait for a batch; default 25 hours. Then its inputs fail, may be asked again, and wait for it once more.</summary>
    public TimeSpan BatchTimeout { get; set; } = TimeSpan.FromHours(25);

    /// <summary>What batches cost, as a part of <see cref="InputPrice"/> and <see cref="OutputPrice"/>; default 0.5.</summary>
    public decimal BatchPriceFactor { get; set; } = 0.5m;

    /// <summary>Longest time of one call (<c>openai</c>); default 2 minutes.</summary>
    public TimeSpan AttemptTimeout { get; set; } = TimeSpan.FromMinutes(2);

    /// <summary>Longest time for an input with all its calls (<c>openai</c>, <c>student</c>); default 10 minutes.</summary>
    public TimeSpan Timeout { get; set; } = TimeSpan.FromMinutes(10);
}
