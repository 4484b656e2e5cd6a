using System.Runtime.InteropServices;
using TorchSharp;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>What a run is made with, by name.</summary>
internal static class RunSoftware
{
    private const string ProcessorFile = "/proc/cpuinfo";
    private const string ProcessorField = "model name";

    /// <summary>Program, runtime, libtorch and operating system.</summary>
    public static IReadOnlyDictionary<string, string> Names { get; } = new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["distill-student"] = typeof(RunSoftware).Assembly.GetName().Version?.ToString() ?? "",
        ["dotnet"] = Environment.Version.ToString(),
        ["libtorch"] = torch.__version__,
        ["os"] = RuntimeInformation.OSDescription,
    };

    /// <summary>The processor's name, or empty where the system does not tell it: libtorch's kernels, and with them the last bits of a student, depend on it.</summary>
    public static string Processor()
    {
        try
        {
            return File.Exists(ProcessorFile) ? ProcessorOf(File.ReadLines(ProcessorFile)) : "";
        }
        catch (Exception refused) when (refused is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>The name in the lines of Linux's /proc/cpuinfo, or empty.</summary>
    public static string ProcessorOf(IEnumerable<string> lines) =>
        lines.Select(line => line.Split(':', 2, StringSplitOptions.TrimEntries)).FirstOrDefault(line => line is [ProcessorField, _])?[1] ?? "";
}
