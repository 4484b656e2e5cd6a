namespace DistillGrpc.Student;

internal static partial class StudentLog
{
    [LoggerMessage(1, LogLevel.Error, "models/{Id} cannot be served.")]
    public static partial void ModelFailed(ILogger logger, Exception failure, string id);

    [LoggerMessage(2, LogLevel.Warning, "The Teacher was lost while it explained rows.")]
    public static partial void TeacherLost(ILogger logger, Exception failure);
}
