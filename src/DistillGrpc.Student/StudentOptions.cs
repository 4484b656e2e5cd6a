using DistillGrpc.Hosting;
using DistillGrpc.Modeling.Decoding;
using DistillGrpc.Modeling.Engines;
using DistillGrpc.Modeling.Engines.Cpu;
using DistillGrpc.Student.Models;
using DistillGrpc.Student.Serving.Scheduling;

namespace DistillGrpc.Student;

/// <summary>What the operator sets for the Student, at the configuration's root.</summary>
internal sealed class StudentOptions
{
    /// <summary>The Teacher's address, asked for rationales while training; default none.</summary>
    public string Teacher { get; set; } = "";

    /// <summary>Models by id that lie outside the state directory, such as a pretrained T5: their folders.</summary>
    public Dictionary<string, string> Models { get; set; } = [];

    /// <summary>The model used where a request names none; default: the only one.</summary>
    public string DefaultModel { get; set; } = "";

    /// <summary>Versions of a model without an alias that are kept on the disk; older ones are removed when a new one comes. Default 10.</summary>
    public int KeptVersions { get; set; } = 10;

    /// <summary>Most bytes of the files of a model that is uploaded; default 64 Gi.</summary>
    public long MaxModelBytes { get; set; } = 64L << 30;

    /// <summary>The engine that models answer with: auto, cpu or torch. Default auto: libtorch where it has a GPU, else ours for processors.</summary>
    public EngineKind Engine { get; set; }

    /// <summary>
    /// What the engine for processors keeps weights in: auto, float32 or int8. Default auto: int8 where a version's check has found it as good as float32
    /// (ModelVersion.int8_check), else float32; the others insist.
    /// </summary>
    public PrecisionSetting Precision { get; set; }

    /// <summary>Held-out rows, at most, by which a job compares int8 with float32 before its model is put into its place; 0: it does not. Default 1000.</summary>
    public int Int8CheckRows { get; set; } = 1000;

    /// <summary>Held-out rows, at most, by which a job calibrates the probabilities of labels before its model is put into its place, one half, and reports on them, the other; 0: it does not. Default 2000.</summary>
    public int CalibrationRows { get; set; } = 2000;

    /// <summary>Most labels of a Classify; default 10,000.</summary>
    public int MaxLabels { get; set; } = 10_000;

    /// <summary>Rows of a step that one Classify may have; many labels take several steps. Default 32, and no more than <see cref="MaxStepRows"/>.</summary>
    public int MaxLabelRows { get; set; } = 32;

    /// <summary>How long the Teacher may take for what a student is not sure of; less where the caller waits for less. Default 1 min.</summary>
    public TimeSpan EscalationTimeout { get; set; } = TimeSpan.FromMinutes(1);

    /// <summary>Rows that the Teacher has answered instead of a student are kept, until DatasetService.CollectEscalations takes them. Default off.</summary>
    public bool KeepEscalated { get; set; }

    /// <summary>Of those, most rows of a model; further ones are not kept. Some 16 bytes of memory each. Default 100,000.</summary>
    public int MaxEscalatedRows { get; set; } = 100_000;

    /// <summary>Threads of a step; 0, the default: all processors, shared by all models (with the engine torch one for each model).</summary>
    public int ServingThreads { get; set; }

    /// <summary>Requests that may wait for one model; more are refused with RESOURCE_EXHAUSTED. As many inputs of batches may wait besides. Default 256.</summary>
    public int MaxQueue { get; set; } = 256;

    /// <summary>Rows of one step of a model: answers that are written at once, each beam and sample counted. Default 64.</summary>
    public int MaxStepRows { get; set; } = 64;

    /// <summary>Of those, what batches may have; the rest is kept for interactive requests. Default 48.</summary>
    public int MaxBatchRows { get; set; } = 48;

    /// <summary>Tokens, input and room for output, that the answers being written may take in memory. Default 65,536.</summary>
    public int MaxContextTokens { get; set; } = 65_536;

    /// <summary>Tokens of inputs that are read at once while nothing is being written; a longer input is read by itself. Default 2048.</summary>
    public int MaxEncoderTokens { get; set; } = 2048;

    /// <summary>Tokens of inputs that are read between two steps, while answers that are being written wait; where more requests wait than answers are being written, so many times more; a longer input is read by itself. Default 256.</summary>
    public int MaxEncoderTokensBetweenSteps { get; set; } = 256;

    /// <summary>How long a batch's input waits before it takes turns with interactive requests, instead of letting them go first. Default 2 s.</summary>
    public TimeSpan MaxBatchWait { get; set; } = TimeSpan.FromSeconds(2);

    /// <summary>
    /// How long tokens that come fast are gathered into one message of a stream; the first is sent at once, and where stop texts are looked for each is. 0: each is
    /// sent as it comes, which takes time from the model. Default 4 ms.
    /// </summary>
    public TimeSpan StreamInterval { get; set; } = TimeSpan.FromMilliseconds(4);

    /// <summary>Highest number of tokens that a request may ask for; default 1024.</summary>
    public int MaxOutputTokens { get; set; } = 1024;

    /// <summary>Longest text of one request, in characters over all segments; default 1 Mi.</summary>
    public int MaxInputCharacters { get; set; } = 1 << 20;

    /// <summary>Answered requests that are given to shadows at once, of all models; more are not given to any. Default 16.</summary>
    public int MaxShadows { get; set; } = 16;

    /// <summary>How long a shadow may take for a request, waiting included. Default 30 s.</summary>
    public TimeSpan ShadowTimeout { get; set; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// Bytes of answers that are kept and given again to the same request to the same version, where nothing is drawn without a seed; what was not asked for
    /// the longest time goes first. Default 0: none are kept.
    /// </summary>
    public long ResponseCacheBytes { get; set; }

    /// <summary>How long predictions are kept, so that they can be explained; default 24 hours. 0: none are.</summary>
    public TimeSpan PredictionRetention { get; set; } = TimeSpan.FromHours(24);

    /// <summary>Most predictions that are kept; the oldest go first. Default 100,000.</summary>
    public int MaxKeptPredictions { get; set; } = 100_000;

    /// <summary>Most bytes of their inputs and labels on the disk; the oldest go first. Default 1 GiB.</summary>
    public long MaxKeptPredictionBytes { get; set; } = 1L << 30;

    /// <summary>Most bytes of predictions in memory that are not written yet; where more come they are not kept. Default 64 MiB.</summary>
    public long MaxUnwrittenPredictionBytes { get; set; } = 64L << 20;

    /// <summary>Whether the inputs of predictions are kept; if not, a hash of them is, and whoever asks for an explanation sends the input again, with the rationale that the label was read from where it was. Default true.</summary>
    public bool StoreInputs { get; set; } = true;

    /// <summary>Versions that no longer answer and are loaded at once to explain what they have answered; more are refused with RESOURCE_EXHAUSTED. Default 2.</summary>
    public int MaxPinnedVersions { get; set; } = 2;

    /// <summary>How long such a version stays loaded when nobody asks it any more; default 5 minutes.</summary>
    public TimeSpan PinnedVersionIdle { get; set; } = TimeSpan.FromMinutes(5);

    /// <summary>Training jobs that run at once; others wait. Default 2.</summary>
    public int MaxRuns { get; set; } = 2;

    /// <summary>Checkpoints of a job that are kept, the newest ones; the best one is kept besides where there is early stopping. Default 2.</summary>
    public int KeptCheckpoints { get; set; } = 2;

    /// <summary>Training jobs that may wait for their turn; more are refused with RESOURCE_EXHAUSTED. Default 1000.</summary>
    public int MaxQueuedJobs { get; set; } = 1000;

    /// <summary>Most rows of one run; default 1,000,000.</summary>
    public int MaxRows { get; set; } = 1_000_000;

    /// <summary>Threads of one training run; default 1.</summary>
    public int TrainingThreads { get; set; } = 1;

    /// <summary>Most datasets; default 10,000.</summary>
    public int MaxDatasets { get; set; } = 10_000;

    /// <summary>Most rows of a dataset; default 5,000,000. While they are uploaded, some 40 bytes of memory each.</summary>
    public long MaxDatasetRows { get; set; } = 5_000_000;

    /// <summary>Most bytes of a dataset on the disk; default 64 GiB.</summary>
    public long MaxDatasetBytes { get; set; } = 64L << 30;

    /// <summary>Most bytes of one row, at most <c>MaxReceiveBytes</c>; a longer one is rejected. Default 1 MiB.</summary>
    public int MaxDatasetRowBytes { get; set; } = 1 << 20;

    /// <summary>Uploads, imports, splits and comparisons of datasets at once; more are refused with RESOURCE_EXHAUSTED. Default 8.</summary>
    public int MaxUploads { get; set; } = 8;

    /// <summary>Checks the settings.</summary>
    /// <exception cref="InvalidOperationException">One cannot be used; the message names it.</exception>
    public void Check()
    {
        var isAddress = Uri.TryCreate(Teacher, UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https";
        Setting.Require(Teacher.Length == 0 || isAddress, nameof(Teacher), $"'{Teacher}' is not an address such as http://127.0.0.1:5101.");
        Setting.Require(DefaultModel.Length == 0 || ModelName.IsId(DefaultModel), nameof(DefaultModel), $"'{DefaultModel}' is not a model's id.");
        Setting.Require(KeptVersions is >= 0 and <= 100_000, nameof(KeptVersions), "must be 0 to 100000.");
        Setting.Require(MaxModelBytes is >= 1, nameof(MaxModelBytes), "must be above 0.");
        Setting.Require(MaxQueue is >= 1 and <= 1_000_000, nameof(MaxQueue), "must be 1 to 1000000.");
        Setting.Require(Enum.IsDefined(Engine), nameof(Engine), "must be auto, cpu or torch.");
        Setting.Require(Enum.IsDefined(Precision), nameof(Precision), "must be auto, float32 or int8.");
        Setting.Require(Int8CheckRows is >= 0 and <= 1_000_000, nameof(Int8CheckRows), "must be 0 to 1000000.");
        Setting.Require(CalibrationRows is >= 0 and <= 1_000_000, nameof(CalibrationRows), "must be 0 to 1000000.");
        Setting.Require(MaxLabels is >= 1 and <= 1_000_000, nameof(MaxLabels), "must be 1 to 1000000.");
        Setting.Require(MaxLabelRows is >= 1 and <= DecodingOptions.MostChoiceRows, nameof(MaxLabelRows), $"must be 1 to {DecodingOptions.MostChoiceRows}.");
        Setting.Require(EscalationTimeout > TimeSpan.Zero && EscalationTimeout <= TimeSpan.FromDays(1), nameof(EscalationTimeout), "must be above 0, to a day.");
        Setting.Require(MaxEscalatedRows is >= 1, nameof(MaxEscalatedRows), "must be above 0.");
        Setting.Require(ServingThreads is >= 0 and <= 1024, nameof(ServingThreads), "must be 0 to 1024.");
        Setting.Require(MaxStepRows is >= 1 and <= 1024, nameof(MaxStepRows), "must be 1 to 1024.");
        Setting.Require(MaxBatchRows >= 1 && MaxBatchRows <= 1024, nameof(MaxBatchRows), "must be 1 to 1024.");
        Setting.Require(MaxContextTokens is >= 1, nameof(MaxContextTokens), "must be above 0.");
        Setting.Require(MaxEncoderTokens is >= 1, nameof(MaxEncoderTokens), "must be above 0.");
        Setting.Require(MaxEncoderTokensBetweenSteps is >= 1, nameof(MaxEncoderTokensBetweenSteps), "must be above 0.");
        Setting.Require(MaxBatchWait >= TimeSpan.Zero && MaxBatchWait <= TimeSpan.FromDays(1), nameof(MaxBatchWait), "must be 0 to a day.");
        Setting.Require(StreamInterval >= TimeSpan.Zero && StreamInterval <= TimeSpan.FromSeconds(10), nameof(StreamInterval), "must be 0 to 10 seconds.");
        Setting.Require(MaxOutputTokens is >= 1 and <= DecodingOptions.MostTokens, nameof(MaxOutputTokens), $"must be 1 to {DecodingOptions.MostTokens}.");
        Setting.Require(MaxInputCharacters is >= 1, nameof(MaxInputCharacters), "must be above 0.");
        Setting.Require(MaxShadows is >= 0 and <= 100_000, nameof(MaxShadows), "must be 0 to 100000.");
        Setting.Require(ShadowTimeout > TimeSpan.Zero && ShadowTimeout <= TimeSpan.FromDays(1), nameof(ShadowTimeout), "must be above 0, and at most a day.");
        Setting.Require(ResponseCacheBytes is >= 0 and <= 1L << 40, nameof(ResponseCacheBytes), "must be 0 to 1099511627776.");
        Setting.Require(PredictionRetention >= TimeSpan.Zero && PredictionRetention <= TimeSpan.FromDays(3650), nameof(PredictionRetention), "must be 0 to ten years.");
        Setting.Require(MaxKeptPredictions is >= 1 and <= 100_000_000, nameof(MaxKeptPredictions), "must be 1 to 100000000.");
        Setting.Require(MaxKeptPredictionBytes is >= 1 << 20, nameof(MaxKeptPredictionBytes), "must be at least 1048576.");
        Setting.Require(MaxUnwrittenPredictionBytes is >= 1 << 16, nameof(MaxUnwrittenPredictionBytes), "must be at least 65536.");
        Setting.Require(MaxPinnedVersions is >= 1 and <= 1000, nameof(MaxPinnedVersions), "must be 1 to 1000.");
        Setting.Require(PinnedVersionIdle >= TimeSpan.Zero && PinnedVersionIdle <= TimeSpan.FromDays(1), nameof(PinnedVersionIdle), "must be 0 to a day.");
        Setting.Require(MaxRuns is >= 1 and <= 1000, nameof(MaxRuns), "must be 1 to 1000.");
        Setting.Require(KeptCheckpoints is >= 1 and <= 1000, nameof(KeptCheckpoints), "must be 1 to 1000.");
        Setting.Require(MaxQueuedJobs is >= 1 and <= 1_000_000, nameof(MaxQueuedJobs), "must be 1 to 1000000.");
        Setting.Require(MaxRows is >= 1, nameof(MaxRows), "must be above 0.");
        Setting.Require(MaxDatasets is >= 1, nameof(MaxDatasets), "must be above 0.");
        Setting.Require(MaxDatasetRows is >= 1, nameof(MaxDatasetRows), "must be above 0.");
        Setting.Require(MaxDatasetBytes is >= 1, nameof(MaxDatasetBytes), "must be above 0.");
        Setting.Require(MaxDatasetRowBytes is >= 1, nameof(MaxDatasetRowBytes), "must be above 0.");
        Setting.Require(MaxUploads is >= 1 and <= 1000, nameof(MaxUploads), "must be 1 to 1000.");
        Setting.Require(TrainingThreads is >= 1 and <= 1024, nameof(TrainingThreads), "must be 1 to 1024.");
    }

    /// <summary>How a model is run.</summary>
    /// <param name="precision">What the engine for processors keeps its weights in.</param>
    public EngineOptions Engines(Precision precision) => new() { Engine = Engine, Precision = precision, Threads = ServingThreads };

    /// <summary>How a model's steps are filled.</summary>
    public SchedulerOptions Scheduler() => new()
    {
        MaxQueue = MaxQueue,
        MaxRows = MaxStepRows,
        MaxBatchRows = Math.Min(MaxBatchRows, MaxStepRows),
        MaxContextTokens = MaxContextTokens,
        MaxEncoderTokens = MaxEncoderTokens,
        MaxEncoderTokensBetweenSteps = MaxEncoderTokensBetweenSteps,
        MaxBatchWait = MaxBatchWait,
        StreamInterval = StreamInterval,
    };
}
