using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Student.Models;

/// <summary>
/// A version's calibration in <c>calibration.json</c> beside its model card; it goes with the version's files where these are downloaded and uploaded.
/// </summary>
internal static class CalibrationRecord
{
    public const string File = "calibration.json";

    private const int MostBytes = 1 << 18;
    private static readonly JsonFormatter Json = new(JsonFormatter.Settings.Default.WithIndentation());

    /// <summary>Writes a version's calibration into its folder, for the weights that are there.</summary>
    public static void Write(string folder, Calibration calibration)
    {
        calibration.Weights = ModelFingerprint.OfWeights(folder);
        System.IO.File.WriteAllText(Path.Combine(folder, File), Json.Format(calibration) + "\n");
    }

    /// <summary>A version's calibration; null where it has none. A damaged one has no temperature, nor one of other weights.</summary>
    public static Calibration? Of(string folder)
    {
        var file = new FileInfo(Path.Combine(folder, File));
        try
        {
            return !file.Exists ? null
                : file.Length <= MostBytes && JsonParser.Default.Parse<Calibration>(System.IO.File.ReadAllText(file.FullName)) is var calibration && IsWhole(calibration)
                    ? calibration.Weights == ModelFingerprint.OfWeights(folder) ? calibration : new Calibration { Refusal = $"{File} is of other weights" }
                : Damaged();
        }
        catch (Exception damage) when (damage is InvalidProtocolBufferException or InvalidJsonException or IOException or UnauthorizedAccessException)
        {
            return Damaged();
        }
    }

    // A temperature that requests may ask for, or a reason.
    private static bool IsWhole(Calibration calibration) => calibration.Refusal.Length > 0 ? calibration.Temperature == 0 : calibration.Temperature is >= 0.01 and <= 100;

    private static Calibration Damaged() => new() { Refusal = $"{File} is damaged" };
}
