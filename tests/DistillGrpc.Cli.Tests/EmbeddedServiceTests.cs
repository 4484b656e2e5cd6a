namespace DistillGrpc.Cli.Tests;

public sealed class EmbeddedServiceTests
{
    [Fact]
    public void CreateFolder_OthersOfTheCommand_AreDeletedUnlessTheyAreInUseOrAboutToBe()
    {
        var command = $"test-{Guid.NewGuid():n}";
        var (killed, used, young, old) = (EmbeddedService.CreateFolder(command), EmbeddedService.CreateFolder(command), EmbeddedService.CreateFolder(command), EmbeddedService.CreateFolder(command));
        File.WriteAllText(Lock(killed), "");
        using var held = new FileStream(Lock(used), FileMode.CreateNew, FileAccess.ReadWrite, FileShare.None);
        // Killed before it had its lock.
        Directory.SetLastWriteTimeUtc(old, DateTime.UtcNow.AddDays(-2));

        var next = EmbeddedService.CreateFolder(command);

        Assert.Equal((false, true, true, false, true), (Directory.Exists(killed), Directory.Exists(used), Directory.Exists(young), Directory.Exists(old), Directory.Exists(next)));
        foreach (var folder in (string[])[used, young, next])
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static string Lock(string folder) => Path.Combine(folder, "distill-student.lock");
}
