using DistillGrpc.Contracts.V1;
using Google.Protobuf;

namespace DistillGrpc.Student.Models;

/// <summary>
/// A version's check in <c>int8-check.json</c> beside its model card; it goes with the version's files where these are downloaded and uploaded. Its figures are
/// kept; whether they pass is decided when they are read.
/// </summary>
internal static class Int8Record
{
    public const string File = "int8-check.json";

    private const int MostBytes = 1 << 16;
    private static readonly JsonFormatter Json = new(JsonFormatter.Settings.Default.WithIndentation());

    /// <summary>Writes a version's check into its folder, for the weights that are there.</summary>
    public static void Write(string folder, Int8Check check)
    {
        check.Weights = ModelFingerprint.OfWeights(folder);
        System.IO.File.WriteAllText(Path.Combine(folder, File), Json.Format(check) + "\n");
    }

    /// <summary>A version's check; null where it has none. A damaged one has not passed, nor one of other weights: somebody may have trained on in a downloaded folder.</summary>
    public static Int8Check? Of(string folder)
    {
        var file = new FileInfo(Path.Combine(folder, File));
        try
        {
            return !file.Exists ? null
                : file.Length > MostBytes ? Damaged()
                : OfTheWeights(folder, Int8Guard.Decide(JsonParser.Default.Parse<Int8Check>(System.IO.File.ReadAllText(file.FullName))));
        }
        catch (Exception damage) when (damage is InvalidProtocolBufferException or InvalidJsonException or InvalidDataException or IOException or UnauthorizedAccessException)
        {
            return Damaged();
        }
    }

    private static Int8Check OfTheWeights(string folder, Int8Check check)
    {
        if (check.Passed && check.Weights != ModelFingerprint.OfWeights(folder))
        {
            (check.Passed, check.Refusal) = (false, $"{File} is of other weights");
        }

        return check;
    }

    private static Int8Check Damaged() => new() { Refusal = $"{File} is damaged" };
}
