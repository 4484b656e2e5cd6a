using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Backends;
using DistillGrpc.Teacher.Prompts;
using Microsoft.Extensions.AI;

namespace DistillGrpc.Cli.Prompts;

/// <summary>What a prompt makes of a row: the conversation as it is sent, or why there is none.</summary>
/// <param name="Turns">The conversation; empty where it cannot be made.</param>
/// <param name="Refusal">Why it cannot be made, or null.</param>
internal sealed record Rendering(IReadOnlyList<ChatMessage> Turns, string? Refusal)
{
    private const int CharactersPerToken = 4;

    /// <summary>Tokens by the rule of thumb that the Teacher's limits go by too: a quarter of the characters.</summary>
    public long Tokens => Turns.Sum(turn => (long)turn.Text.Length) / CharactersPerToken;

    public static Rendering Of(Prompt prompt, Example row, PromptUse use)
    {
        try
        {
            return new Rendering(prompt.Render(row, use), null);
        }
        catch (TeacherRowException refused)
        {
            return new Rendering([], refused.Message);
        }
    }
}
