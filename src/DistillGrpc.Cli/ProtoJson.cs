using Google.Protobuf;

namespace DistillGrpc.Cli;

/// <summary>Messages of the contracts as JSON on one line: the contracts' names in camelCase, numbers and states that are 0 or empty too, so that a script need not know the defaults.</summary>
internal static class ProtoJson
{
    private static readonly JsonFormatter Formatter = new(JsonFormatter.Settings.Default.WithFormatDefaultValues(true));

    public static string Text(IMessage message) => Formatter.Format(message);
}
