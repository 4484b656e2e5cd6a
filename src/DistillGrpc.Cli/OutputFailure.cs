namespace DistillGrpc.Cli;

/// <summary>Why a file that a command is to write cannot be written, in words for people; the path is as the user wrote it.</summary>
internal static class OutputFailure
{
    // What .NET makes of a lock that somebody else has: Windows' sharing violation, Linux' and macOS' EWOULDBLOCK.
    private static readonly int[] Locked = [unchecked((int)0x80070020), 11, 35];

    /// <summary>There is a folder of this name.</summary>
    public static InvalidDataException Folder(string option, FileInfo file) => Because(option, file, "it is a folder", null);

    /// <summary>Opening it has failed.</summary>
    /// <param name="option">The option that names it.</param>
    /// <param name="file">The file.</param>
    /// <param name="failure">How.</param>
    /// <param name="opened">The path that was opened, where it is another.</param>
    public static InvalidDataException Of(string option, FileInfo file, Exception failure, string? opened = null) => Because(
        option,
        file,
        failure switch
        {
            DirectoryNotFoundException => "its folder is not there",
            UnauthorizedAccessException => "access is denied",
            _ when Locked.Contains(failure.HResult) => "another run is writing it",
            _ => failure.Message.Replace(opened ?? file.FullName, $"{file}", StringComparison.Ordinal).TrimEnd('.'),
        },
        failure);

    private static InvalidDataException Because(string option, FileInfo file, string reason, Exception? cause) => new($"{option}: {file} cannot be written: {reason}.", cause);
}
