namespace DistillGrpc.Cli.Quickstart;

/// <summary>A folder for the state of one quickstart, among the temporary files.</summary>
internal static class QuickstartFolder
{
    private const string Prefix = "distill-quickstart-";

    /// <summary>Makes one, and deletes those of processes that were killed: what a running one uses is locked.</summary>
    public static string Create()
    {
        foreach (var folder in Directory.GetDirectories(Path.GetTempPath(), Prefix + "*"))
        {
            try
            {
                using (new FileStream(Path.Combine(folder, "distill-student.lock"), FileMode.Open, FileAccess.ReadWrite, FileShare.None))
                {
                }

                Directory.Delete(folder, recursive: true);
            }
            catch (Exception inUse) when (inUse is IOException or UnauthorizedAccessException)
            {
                // Somebody else's, or not there any more.
            }
        }

        return Directory.CreateTempSubdirectory(Prefix).FullName;
    }
}
