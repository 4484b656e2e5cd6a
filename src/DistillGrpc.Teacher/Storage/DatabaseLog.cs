namespace DistillGrpc.Teacher.Storage;

internal static partial class DatabaseLog
{
    [LoggerMessage(1, LogLevel.Warning, "{Place} does not answer: {Why}")]
    public static partial void Unreachable(ILogger logger, string place, string why);
}
