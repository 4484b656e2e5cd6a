using System.Reflection;
using System.Runtime.InteropServices;

namespace DistillGrpc.Cli.Sweep.Runs;

/// <summary>What a sweep was begun with.</summary>
internal static class CommandLine
{
    /// <summary>The command as a shell takes it.</summary>
    public static string Text => string.Join(' ', Environment.GetCommandLineArgs().Skip(1).Select(Quoted).Prepend("distill"));

    /// <summary>Program, runtime and system by name.</summary>
    public static IReadOnlyDictionary<string, string> Software => new SortedDictionary<string, string>(StringComparer.Ordinal)
    {
        ["distill"] = typeof(CommandLine).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "",
        ["runtime"] = RuntimeInformation.FrameworkDescription,
        ["system"] = RuntimeInformation.OSDescription,
    };

    private static string Quoted(string argument) =>
        argument.Length > 0 && argument.All(letter => char.IsAsciiLetterOrDigit(letter) || "-_./:=,@".Contains(letter, StringComparison.Ordinal)) ? argument : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
