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

    /// <summary>Requests that may wait for one model; more are refused with RESOURCE_EXHAUSTED. Default 256.</summary>
    public int MaxQueue { get; set; } = 256;

    /// <summary>Highest number of tokens that a request may ask for; default 1024.</summary>
    public int MaxOutputTokens { get; set; } = 1024;

    /// <summary>Longest text of one request, in characters over all segments; default 1 Mi.</summary>
    public int MaxInputCharacters { get; set; } = 1 << 20;

    /// <summary>Training runs at once; more are refused with RESOURCE_EXHAUSTED. Default 2.</summary>
    public int MaxRuns { get; set; } = 2;

    /// <summary>Most rows of one run; default 1,000,000.</summary>
    public int MaxRows { get; set; } = 1_000_000;

    /// <summary>Threads of one training run; default 1.</summary>
    public int TrainingThreads { get; set; } = 1;
}
