namespace DistillGrpc.Teacher.Rationales;

internal static partial class TeacherLog
{
    [LoggerMessage(1, LogLevel.Error, "The backend of {Teacher} failed on an input.")]
    public static partial void BackendFailed(ILogger logger, Exception failure, string teacher);

    [LoggerMessage(2, LogLevel.Warning, "{Teacher} cannot be asked: {Reason}, {Why}")]
    public static partial void TeacherFailed(ILogger logger, Exception? failure, string teacher, string reason, string why);

    [LoggerMessage(4, LogLevel.Warning, "{Extraction} cannot be worked on here: {Why}")]
    public static partial void SpecRefused(ILogger logger, string extraction, string why);

    [LoggerMessage(3, LogLevel.Error, "The Teacher's state cannot be read or written.")]
    public static partial void StateFailed(ILogger logger, Exception failure);

    [LoggerMessage(5, LogLevel.Warning, "{Teacher} has not answered since {Since:u}, and is tried again: {Reason}, {Why}")]
    public static partial void TeacherInTrouble(ILogger logger, string teacher, DateTimeOffset since, string reason, string why);

    [LoggerMessage(6, LogLevel.Information, "{Teacher} answers again, after {After}.")]
    public static partial void TeacherAnswersAgain(ILogger logger, string teacher, TimeSpan after);
}
