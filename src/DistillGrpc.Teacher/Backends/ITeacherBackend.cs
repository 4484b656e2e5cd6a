using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;

namespace DistillGrpc.Teacher.Backends;

/// <summary>Something that explains an input.</summary>
internal interface ITeacherBackend
{
    /// <summary>The kind, as the operator writes it.</summary>
    string Kind { get; }

    /// <summary>The model behind it, or empty.</summary>
    string Model { get; }

    /// <summary>The prompt where a request names none; null where it takes no prompt at all.</summary>
    Prompt? DefaultPrompt { get; }

    /// <summary>Whether it is sampled: asked again, it may answer otherwise.</summary>
    bool Samples => false;

    /// <summary>Whether it can say how likely its tokens were.</summary>
    bool GivesLogProbabilities => false;

    /// <summary>Inputs that a caller has answered at once, where it is not the service's setting that says so.</summary>
    int? InputsInFlight => null;

    /// <summary>Why no call gets through, and since when; null where calls do, or none is made.</summary>
    TeacherTrouble? Trouble => null;

    /// <summary>Explains one input.</summary>
    /// <param name="input">The input; its gold label is looked at only where the prompt shows it.</param>
    /// <param name="query">How to ask.</param>
    /// <param name="onText">Gets text while it is written; null where nobody listens.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="TeacherRowException">There is no answer to this input.</exception>
    /// <exception cref="TeacherFailedException">There is no answer to any input, as far as can be told.</exception>
    ValueTask<BackendAnswer> AnswerAsync(Example input, RationaleQuery query, TextListener? onText, CancellationToken cancellationToken);
}

/// <summary>Gets text while it is written.</summary>
/// <param name="text">More text.</param>
/// <param name="isRestart">The teacher has begun anew after a failure: what came before is void.</param>
internal delegate ValueTask TextListener(string text, bool isRestart);

/// <summary>How a backend is asked.</summary>
/// <param name="Prompt">The prompt, for backends that take one.</param>
/// <param name="MaxOutputTokens">Highest number of tokens to write; 0 for the backend's default.</param>
/// <param name="Temperature">Sampling temperature, 0 to 2.</param>
/// <param name="Deadline">When the caller stops waiting.</param>
/// <param name="Budget">What all inputs of the caller may cost.</param>
internal sealed record RationaleQuery(Prompt? Prompt, int MaxOutputTokens, double Temperature, DateTimeOffset Deadline, CallBudget Budget)
{
    /// <summary>Which of several answers to one question this is, from 0.</summary>
    public int Sample { get; init; }

    /// <summary>Whether the input is asked, or its gold label is shown and the reason asked.</summary>
    public PromptUse Use { get; init; }

    /// <summary>Most likely tokens that come with their log-probability at each position; 0 for none.</summary>
    public int TopLogProbabilities { get; init; }

    /// <summary>What it costs is booked here too, besides the teacher's own account: on a job, on a caller's tag.</summary>
    public IReadOnlyList<AccountLimit> Accounts { get; init; } = [];
}
