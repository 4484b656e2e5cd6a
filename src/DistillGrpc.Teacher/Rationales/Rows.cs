using DistillGrpc.Contracts.V1;
using DistillGrpc.Teacher.Quality;
using Grpc.Core;

namespace DistillGrpc.Teacher.Rationales;

/// <summary>Rows that no teacher has answered.</summary>
internal static class Rows
{
    private const int MaxIdLength = 200;

    /// <summary>Why an input cannot be asked; null where it can.</summary>
    public static RowError? ErrorOf(Example input) =>
        input.Id.Length is 0 or > MaxIdLength ? Refused("input.id", $"must have 1 to {MaxIdLength} characters")
        : input.Segments.Count == 0 || input.Segments.Any(string.IsNullOrWhiteSpace) ? Refused("input.segments", "must hold at least one text, and none may be empty")
        : null;

    /// <summary>An input's id, also of one that is refused because its id is too long: then the beginning.</summary>
    public static string IdOf(Example input) => input.Id.Length <= MaxIdLength ? input.Id : input.Id[..MaxIdLength];

    /// <summary>INVALID_ARGUMENT.</summary>
    public static RowError Refused(string field, string message) =>
        new() { Code = (int)StatusCode.InvalidArgument, Reason = "INVALID_FIELD", Message = $"{field}: {message}", Field = field };

    /// <summary>The row of an input that has no answer.</summary>
    public static RationaleResult Failed(Example input, StatusCode code, string reason, string message, string field = "") =>
        Failed(input, new RowError { Code = (int)code, Reason = reason, Message = message, Field = field });

    /// <summary>The row of an input that has no answer.</summary>
    public static RationaleResult Failed(Example input, RowError error) => new()
    {
        InputId = IdOf(input),
        ParseOutcome = ParseOutcome.Failed,
        Error = error,
        Verdict = QualityFilter.VerdictOf([RejectionReason.Failed]),
    };

    /// <summary>The row of an input that repeats an earlier one, and was not asked.</summary>
    public static RationaleResult Duplicate(Example input, RejectionReason reason) => new() { InputId = input.Id, Verdict = QualityFilter.VerdictOf([reason]) };
}
