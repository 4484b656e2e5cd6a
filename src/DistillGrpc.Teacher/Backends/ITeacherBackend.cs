using DistillGrpc.Contracts.V1;

namespace DistillGrpc.Teacher.Backends;

/// <summary>Something that explains an input.</summary>
internal interface ITeacherBackend
{
    /// <summary>The kind, as the operator writes it.</summary>
    string Kind { get; }

    /// <summary>The model behind it, or empty.</summary>
    string Model { get; }

    /// <summary>Explains one input.</summary>
    /// <param name="input">The input; its gold label, where it has one, is not looked at.</param>
    /// <param name="spec">How to ask.</param>
    /// <param name="onText">Gets text while it is written; null where nobody listens.</param>
    /// <param name="cancellationToken">Ends the work.</param>
    /// <exception cref="TeacherRowException">There is no answer to this input.</exception>
    ValueTask<BackendAnswer> AnswerAsync(Example input, RationaleSpec spec, Func<string, ValueTask>? onText, CancellationToken cancellationToken);
}
