namespace DistillGrpc.Teacher;

/// <summary>What the operator sets for the Teacher, at the configuration's root.</summary>
internal sealed class TeacherOptions
{
    /// <summary>The teacher used where a request names none; default: the only one, or <c>symbolic</c>.</summary>
    public string DefaultTeacher { get; set; } = "";

    /// <summary>The teachers by id. Without any there is <c>symbolic</c>.</summary>
    public Dictionary<string, TeacherEntry> Teachers { get; set; } = [];

    /// <summary>Inputs of one call that are being answered at once; default 8.</summary>
    public int MaxInputsInFlight { get; set; } = 8;
}

/// <summary>One teacher.</summary>
internal sealed class TeacherEntry
{
    /// <summary><c>symbolic</c> or <c>recorded</c>.</summary>
    public string Backend { get; set; } = "";

    /// <summary>The file of recorded rows (<c>recorded</c>): JSONL.</summary>
    public string Path { get; set; } = "";

    /// <summary>
    /// What the teacher wrote for these rows where it is not in them (<c>recorded</c>), as the paper's repository keeps it: files
    /// that are a JSON array of texts, together in the order of the rows.
    /// </summary>
    public List<string> Outputs { get; set; } = [];

    /// <summary>What the labels in <see cref="Outputs"/> look like; default any text.</summary>
    public Parsing.AnswerForm Answers { get; set; }
}
