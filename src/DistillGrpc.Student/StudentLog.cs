namespace DistillGrpc.Student;

internal static partial class StudentLog
{
    [LoggerMessage(1, LogLevel.Error, "{Model} cannot be served.")]
    public static partial void ModelFailed(ILogger logger, Exception failure, string model);

    [LoggerMessage(3, LogLevel.Error, "A model failed on an input of a batch.")]
    public static partial void AnswerFailed(ILogger logger, Exception failure);

    [LoggerMessage(4, LogLevel.Error, "models/{Id} cannot be served: {Reason}")]
    public static partial void ModelRefused(ILogger logger, string id, string reason);

    [LoggerMessage(5, LogLevel.Critical, "The models cannot be loaded; the service stops.")]
    public static partial void LoadingFailed(ILogger logger, Exception failure);

    [LoggerMessage(2, LogLevel.Warning, "The Teacher was lost while it explained rows.")]
    public static partial void TeacherLost(ILogger logger, Exception failure);

    [LoggerMessage(6, LogLevel.Error, "{Job} failed.")]
    public static partial void JobFailed(ILogger logger, Exception failure, string job);

    [LoggerMessage(7, LogLevel.Error, "The state of a job cannot be read or written.")]
    public static partial void StateFailed(ILogger logger, Exception failure);

    [LoggerMessage(8, LogLevel.Error, "An event of {Job} cannot be written; the job goes on.")]
    public static partial void EventLost(ILogger logger, Exception failure, string job);

    [LoggerMessage(9, LogLevel.Error, "A report lacks a part: {Reason}.")]
    public static partial void ReportFailed(ILogger logger, Exception failure, string reason);

    [LoggerMessage(10, LogLevel.Error, "{Model} failed on a batch of {Answers} answers; it goes on with others.")]
    public static partial void BatchFailed(ILogger logger, Exception failure, string model, int answers);

    [LoggerMessage(11, LogLevel.Critical, "{Model} gives numbers that are not finite, and answers no more.")]
    public static partial void ModelBroken(ILogger logger, string model);

    [LoggerMessage(12, LogLevel.Error, "Predictions cannot be kept to be explained; answers are given all the same. It is tried again.")]
    public static partial void PredictionsNotKept(ILogger logger, Exception failure);

    [LoggerMessage(13, LogLevel.Information, "Predictions are kept again.")]
    public static partial void PredictionsKeptAgain(ILogger logger);

    [LoggerMessage(15, LogLevel.Error, "A kept prediction cannot be read.")]
    public static partial void PredictionsNotRead(ILogger logger, Exception failure);

    [LoggerMessage(14, LogLevel.Error, "A row of {Model} that the Teacher has answered cannot be kept.")]
    public static partial void EscalationNotKept(ILogger logger, Exception failure, string model);

    [LoggerMessage(20, LogLevel.Warning, "datasets/{Id} is damaged: {Damage}")]
    public static partial void DatasetDamaged(ILogger logger, string id, string damage);

    [LoggerMessage(21, LogLevel.Error, "A dataset cannot be written.")]
    public static partial void DatasetNotWritten(ILogger logger, Exception failure);
}
