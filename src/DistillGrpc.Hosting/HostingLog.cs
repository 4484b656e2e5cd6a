using Microsoft.Extensions.Logging;

namespace DistillGrpc.Hosting;

internal static partial class HostingLog
{
    [LoggerMessage(1, LogLevel.Error, "{Method} failed.")]
    public static partial void CallFailed(ILogger logger, Exception failure, string method);
}
