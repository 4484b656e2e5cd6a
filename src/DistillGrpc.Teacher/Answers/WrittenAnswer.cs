using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Answers;

/// <summary>What a model wrote, whole, as it is kept: it is read anew each time, so that a better parser reads old answers too.</summary>
/// <param name="Text">The text.</param>
/// <param name="FinishReason">Why it ends, as the backend says it.</param>
/// <param name="Model">The model, as the backend names it.</param>
/// <param name="Usage">Its tokens and what they cost.</param>
/// <param name="Created">When it was whole.</param>
internal sealed record WrittenAnswer(string Text, string FinishReason, string Model, Usage Usage, DateTimeOffset Created)
{
    /// <summary>The most likely tokens at each position of the text, where asked for.</summary>
    public IReadOnlyList<TokenPosition> Tokens { get; init; } = [];
}
