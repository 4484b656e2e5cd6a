namespace DistillGrpc.Teacher.Backends.OpenAi;

/// <summary>The name under which an endpoint takes the limit of tokens.</summary>
internal enum TokenLimitField
{
    /// <summary><c>max_completion_tokens</c>.</summary>
    MaxCompletionTokens,

    /// <summary><c>max_tokens</c>, the older name.</summary>
    MaxTokens,
}
