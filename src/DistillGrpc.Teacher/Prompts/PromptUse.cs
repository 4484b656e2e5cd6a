namespace DistillGrpc.Teacher.Prompts;

/// <summary>What a prompt is used for.</summary>
internal enum PromptUse
{
    /// <summary>Label and rationale are asked for.</summary>
    Ask,

    /// <summary>The gold label is shown, and the reason for it asked (rationalisation).</summary>
    Rationalize,
}
