using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Student.Training.Reports;

/// <summary>
/// A report beside the model's files, as JSON. A model is handed on to others: what was counted goes with it, rows do not, and are told by the job alone.
/// </summary>
internal static class ReportFile
{
    public const string Name = "report.json";

    private static readonly JsonFormatter Json = new(JsonFormatter.Settings.Default.WithIndentation());

    public static void Write(string folder, TrainingReport report)
    {
        var counted = report.Clone();
        counted.Samples.Clear();
        File.WriteAllText(Path.Combine(folder, Name), Json.Format(counted) + "\n");
    }
}
