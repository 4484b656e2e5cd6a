namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>Which of OpenAI's interfaces an endpoint is asked by.</summary>
internal enum OpenAiApi
{
    /// <summary>Chat completions.</summary>
    Chat,

    /// <summary>The older completions: one text that the model goes on with.</summary>
    Completions,
}
