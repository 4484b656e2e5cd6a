using System.Data.Common;
using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Answers;
using DistillGrpc.Teacher.Prompts;
using DistillGrpc.Teacher.Spending;

namespace DistillGrpc.Teacher.Backends;

/// <summary>A model whose answers are worth keeping: asked through a <see cref="PaidTeacher"/>.</summary>
internal interface IPaidBackend : IDisposable
{
    /// <summary>The kind, as the operator writes it.</summary>
    string Kind { get; }

    /// <summary>The model, as the endpoint names it.</summary>
    string Model { get; }

    /// <summary>In which form the model is asked, where that is not a chat; else empty. Asked in another form it answers otherwise.</summary>
    string Form { get; }

    /// <summary>The prompt where a request names none.</summary>
    Prompt DefaultPrompt { get; }

    /// <summary>What tokens cost.</summary>
    Price Price { get; }

    /// <summary>All that may ever be spent, in billionths; 0 for no limit.</summary>
    long Budget { get; }

    /// <summary>Calls at once at most.</summary>
    int MaxConcurrency { get; }

    /// <summary>Bytes and turns that are read for an input, and most tokens that are written.</summary>
    /// <exception cref="TeacherRowException">The prompt cannot show this input.</exception>
    (long Bytes, int Turns, int MaxTokens) SizeOf(Example input, RationaleQuery query);

    /// <summary>Inputs that a caller has answered at once; null for the service's setting.</summary>
    int? InputsInFlight => null;

    /// <inheritdoc cref="ITeacherBackend.Trouble"/>
    TeacherTrouble? Trouble => null;

    /// <summary>Whether an answer is written also when nobody listens: a call that is left may cost all that it could.</summary>
    bool WritesUnheard => false;

    /// <summary>Asks until there is a whole answer.</summary>
    /// <param name="key">The question's <see cref="AnswerKey"/>.</param>
    /// <param name="input">The input.</param>
    /// <param name="query">How to ask.</param>
    /// <param name="onText">Gets text while it is written.</param>
    /// <param name="attempt">Carries out every single call.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="TeacherRowException">There is no answer to this input.</exception>
    /// <exception cref="TeacherFailedException">There is no answer to any input, as far as can be told.</exception>
    ValueTask<WrittenAnswer> AskAsync(byte[] key, Example input, RationaleQuery query, TextListener onText, Attempt attempt, CancellationToken cancellationToken);

    /// <summary>An answer is kept: what else is to be written with it.</summary>
    void Kept(DbTransaction transaction, byte[] key)
    {
    }

    /// <summary>Reads rationale and label from what was written.</summary>
    BackendAnswer Read(WrittenAnswer written, RationaleQuery query, Example input);
}

/// <summary>Carries out one call to an endpoint.</summary>
internal delegate ValueTask<WrittenAnswer> Attempt(Func<CancellationToken, ValueTask<WrittenAnswer>> call, CancellationToken cancellationToken);
