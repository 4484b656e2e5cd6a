namespace DistillGrpc.Teacher.Storage;

internal static partial class DatabaseLog
{
    [LoggerMessage(1, LogLevel.Warning, "{Place} does not answer: {Why}")]
    public static partial void Unreachable(ILogger logger, string place, string why);

    [LoggerMessage(2, LogLevel.Error, "{Count} answers that were paid for are lost, and will be paid for again, because {Place} did not take them before the end: {Why}")]
    public static partial void Lost(ILogger logger, int count, string place, string why);
}
