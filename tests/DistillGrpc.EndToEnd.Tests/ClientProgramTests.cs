using System.Diagnostics;
using System.Text.Json;

namespace DistillGrpc.EndToEnd.Tests;

/// <summary>A program of somebody else's, which has the client's package and nothing else of ours.</summary>
public sealed class ClientProgramTests
{
    [Fact]
    public async Task Program_WithTheClientAlone_UploadsTrainsWatchesAndPredicts()
    {
        using var state = new TemporaryFolder();
        using var student = await ServiceProcess.StudentAsync($"--StateDirectory={state.Path}");
        var program = Program();
        var deps = JsonDocument.Parse(await File.ReadAllTextAsync(Path.ChangeExtension(program, ".deps.json"))).RootElement;

        using var run = Process.Start(new ProcessStartInfo("dotnet", [program, student.Address.ToString()]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var (output, errors) = (await run.StandardOutput.ReadToEndAsync(), await run.StandardError.ReadToEndAsync());
        await run.WaitForExitAsync();

        Assert.Equal((0, ""), (run.ExitCode, errors));
        Assert.Equal(["uploaded 30 10", "trained Succeeded models/apples/versions/1 True", "predicted Label Rationale"], output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        string[] ours = [.. deps.GetProperty("libraries").EnumerateObject().Select(library => library.Name.Split('/')[0]).Where(name => name.StartsWith("DistillGrpc", StringComparison.Ordinal)).Order(StringComparer.Ordinal)];
        Assert.Equal(["DistillGrpc.Client", "DistillGrpc.ClientProgram", "DistillGrpc.Contracts"], ours);
    }

    // Beside this project, built in the same configuration.
    private static string Program()
    {
        const string Name = "DistillGrpc.ClientProgram";
        var built = new DirectoryInfo(AppContext.BaseDirectory);
        return Path.Combine(built.Parent!.Parent!.Parent!.Parent!.FullName, Name, "bin", built.Parent.Name, built.Name, $"{Name}.dll");
    }
}
